// What was read and written says the same; a file appears whole or not at all.
#include "formats/pprof/write_profile.h"

#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/pprof/read_profile.h"
#include "tests/formats/column_oracle.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using testing::difference;
using testing::dumpLikeProfile;
using testing::randomProfile;

ProfileColumns columnsOf(const heapprof::pprof::Profile& profile) {
  const std::string bytes = profile.SerializeAsString();
  auto got = readProfileBytes(bytes.data(), bytes.size(), "x");
  EXPECT_TRUE(got.ok()) << got.status().message();
  return *std::move(got);
}

class WriteProfile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "formats_write_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/dump.pb.gz";
  }
  void TearDown() override {
    for (const std::string& name : files()) {
      unlink((folder_ + "/" + name).c_str());
    }
    rmdir(folder_.c_str());
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    DIR* folder = opendir(folder_.c_str());
    while (const dirent* entry = readdir(folder)) {
      if (entry->d_name[0] != '.') {
        names.push_back(entry->d_name);
      }
    }
    closedir(folder);
    return names;
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string folder_;
  std::string path_;
};

TEST_F(WriteProfile, WrittenColumnsReadBackEqual) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const ProfileColumns columns = columnsOf(randomProfile(seed));
    const std::string bytes = serializeProfile(columns);
    const auto again = readProfileBytes(bytes.data(), bytes.size(), "x");
    ASSERT_TRUE(again.ok()) << seed << ": " << again.status().message();
    EXPECT_EQ(difference(*again, columns), "") << seed;
    EXPECT_EQ(serializeProfile(*again), bytes) << seed;
  }
}

TEST_F(WriteProfile, LibprotobufReadsWhatWasWritten) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const ProfileColumns columns = columnsOf(randomProfile(seed));
    heapprof::pprof::Profile parsed;
    ASSERT_TRUE(parsed.ParseFromString(serializeProfile(columns)));
    EXPECT_EQ(difference(testing::columnsByDom(parsed), columns), "") << seed;
  }
}

TEST_F(WriteProfile, EveryCompressionReadsBackAndHasMode0600) {
  const ProfileColumns columns = columnsOf(dumpLikeProfile());
  for (const Compression how : {Compression::kGzip, Compression::kZstd, Compression::kNone}) {
    ASSERT_TRUE(writeProfile(columns, path_, how).ok());
    const auto again = readProfile(path_);
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_EQ(difference(*again, columns), "");
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_EQ(files().size(), 1u);  // no .tmp is left
    EXPECT_EQ(content().substr(0, 2) == "\x1f\x8b", how == Compression::kGzip);
  }
}

TEST_F(WriteProfile, AFailureLeavesTheOlderFileAsItWas) {
  std::ofstream(path_) << "older";
  ASSERT_EQ(mkdir((path_ + ".tmp").c_str(), 0700), 0);  // the temporary cannot be made
  const absl::Status status = writeProfile(columnsOf(dumpLikeProfile()), path_);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(path_), absl::string_view::npos);
  EXPECT_EQ(content(), "older");
  rmdir((path_ + ".tmp").c_str());
}

TEST_F(WriteProfile, AFullDiskIsToldAsSuch) {
  const absl::Status status = writeProfile(columnsOf(dumpLikeProfile()), "/dev/full");
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status.message();
  EXPECT_EQ(access("/dev/full.tmp", F_OK), -1);
  EXPECT_FALSE(writeProfile(columnsOf(dumpLikeProfile()), folder_).ok());
  EXPECT_FALSE(writeProfile(columnsOf(dumpLikeProfile()), folder_ + "/no/such/folder").ok());
}

}  // namespace
}  // namespace heapprof::formats
