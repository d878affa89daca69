// Every frozen dump must read with what stands beside it, in this build and in every later one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <vector>

#include "absl/strings/match.h"

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"
#include "tests/formats/column_oracle.h"
#include "tests/golden/profile_summary.h"

namespace heapprof::golden {
namespace {

constexpr char kExpected[] = ".expected";

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> dumpsOf(const std::string& version) {
  const std::string folder = std::string(HEAPPROF_GOLDEN_DUMPS) + "/" + version;
  std::vector<std::string> paths;
  DIR* entries = opendir(folder.c_str());
  EXPECT_NE(entries, nullptr) << folder;
  while (const dirent* entry = entries != nullptr ? readdir(entries) : nullptr) {
    const std::string name = entry->d_name;
    if (name[0] != '.' && !absl::EndsWith(name, kExpected)) {
      paths.push_back(folder + "/" + name);
    }
  }
  if (entries != nullptr) {
    closedir(entries);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(GoldenDumps, EveryFrozenDumpReadsAsWhatStandsBesideIt) {
  const auto dumps = dumpsOf("v1");
  EXPECT_GE(dumps.size(), 6u);
  for (const std::string& path : dumps) {
    const auto profile = formats::readProfile(path);
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    const std::string summary = summarise(*profile);
    if (std::getenv("HEAPPROF_UPDATE_GOLDEN") != nullptr) {
      std::ofstream(path + kExpected) << summary;
    }
    EXPECT_EQ(summary, contentOf(path + kExpected)) << path;
  }
}

TEST(GoldenDumps, WritingAFrozenDumpLosesNothingThatIsKnown) {
  for (const std::string& path : dumpsOf("v1")) {
    const auto profile = formats::readProfile(path);
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    const std::string bytes = formats::serializeProfile(*profile);
    const auto again = formats::readProfileBytes(bytes.data(), bytes.size(), path);
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_EQ(formats::testing::difference(*again, *profile), "") << path;
  }
}

TEST(GoldenDumps, TheLaterVersionsUnknownFieldsAreCountedInTheProfileAndKeptInTheSnapshot) {
  const auto profile = formats::readProfile(std::string(HEAPPROF_GOLDEN_DUMPS) + "/v1/later_version.pb.gz");
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  EXPECT_GT(profile->unknownFields, 5u);
  EXPECT_EQ(profile->heapSnapshot.header().format_version(), 2u);
  const auto& unknown = profile->heapSnapshot.GetReflection()->GetUnknownFields(profile->heapSnapshot);
  ASSERT_GE(unknown.field_count(), 1);
  EXPECT_EQ(unknown.field(0).length_delimited(), "a part of a later version");
}

// What make_dump promises, checked on its output by the reader and a slow search.
TEST(MadeDump, EveryLiveSampleLiesAloneInASlotOfAnExtentOfItsClass) {
  const std::string path = ::testing::TempDir() + "golden_made.pb.gz";
  const std::string command = std::string(HEAPPROF_MAKE_DUMP) +
                              " --samples 3000 --stacks 700 --extents 5000 --huge-pages 300 --seed 5 -o " +
                              path;
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto profile = formats::readProfile(path);
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  const std::string first = contentOf(path);
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(contentOf(path), first);  // the same flags, the same bytes
  std::remove(path.c_str());

  const heapprof::HeapSnapshot& snapshot = profile->heapSnapshot;
  const heapprof::Extents& extents = snapshot.extents();
  EXPECT_EQ(snapshot.header().reason(), heapprof::GENERATED);
  EXPECT_EQ(profile->samples.size(), 3000u);
  EXPECT_EQ(extents.start_delta_size(), 5000);
  EXPECT_EQ(snapshot.huge_pages().index_delta_size(), 300);
  ASSERT_GT(snapshot.samples().address_size(), 2000);
  std::set<std::uint64_t> addresses;
  for (int i = 0; i < snapshot.samples().address_size(); ++i) {
    const std::uint64_t address = snapshot.samples().address(i), size = snapshot.samples().allocated_bytes(i);
    EXPECT_TRUE(addresses.insert(address).second);
    const auto after = std::upper_bound(extents.start_delta().begin(), extents.start_delta().end(), address);
    ASSERT_NE(after, extents.start_delta().begin());
    const int row = static_cast<int>(after - extents.start_delta().begin()) - 1;
    const std::uint64_t offset = address - extents.start_delta(row);
    const bool large = extents.kind(row) == heapprof::LARGE;
    ASSERT_LE(offset + size, extents.length_bytes(row));
    EXPECT_EQ(size, large ? extents.length_bytes(row) : extents.class_size(row));
    EXPECT_EQ(offset % size, 0u);
  }
}

}  // namespace
}  // namespace heapprof::golden
