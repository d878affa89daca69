// Names of generated code: which line of a map claims an address, and which files are believed.
#include "profiler/symbols/perf_map.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapprof::symbols {
namespace {

std::string nameAt(const PerfMap& map, std::uint64_t address) {
  return std::string(map.nameOf(address).value_or("-"));
}

TEST(PerfMap, NamesTheAddressesOfEachLineAndNoOthers) {
  const PerfMap map = PerfMap::parse("1000 20 first\n1040 10 second one, with blanks\r\n");
  EXPECT_EQ(nameAt(map, 0xfff), "-");
  EXPECT_EQ(nameAt(map, 0x1000), "first");
  EXPECT_EQ(nameAt(map, 0x101f), "first");
  EXPECT_EQ(nameAt(map, 0x1020), "-");
  EXPECT_EQ(nameAt(map, 0x104f), "second one, with blanks");
}

TEST(PerfMap, LaterLinesTakeTheAddressesOfEarlierOnes) {
  const PerfMap map =
      PerfMap::parse("100 100 old\n140 20 within\n0f0 20 before\n1f0 20 after\n300 10 x\n2ff 20 all\n");
  EXPECT_EQ(nameAt(map, 0xf0), "before");
  EXPECT_EQ(nameAt(map, 0x10f), "before");
  EXPECT_EQ(nameAt(map, 0x110), "old");
  EXPECT_EQ(nameAt(map, 0x13f), "old");
  EXPECT_EQ(nameAt(map, 0x150), "within");
  EXPECT_EQ(nameAt(map, 0x160), "old");
  EXPECT_EQ(nameAt(map, 0x1ef), "old");
  EXPECT_EQ(nameAt(map, 0x1f0), "after");
  EXPECT_EQ(nameAt(map, 0x20f), "after");
  EXPECT_EQ(nameAt(map, 0x305), "all");
}

TEST(PerfMap, LinesThatAreNoneAreLeftOut) {
  const PerfMap map =
      PerfMap::parse("\nzz 10 a\n100\n100 10\n100 0 empty\nffffffffffffffff 10 wraps\n200 10 good");
  EXPECT_EQ(nameAt(map, 0x100), "-");
  EXPECT_EQ(nameAt(map, ~std::uint64_t{0}), "-");
  EXPECT_EQ(nameAt(map, 0x208), "good");
}

class PerfMapFile : public testing::Test {
 protected:
  PerfMapFile() {
    std::string name = testing::TempDir() + "/perf-map-XXXXXX";
    root_ = mkdtemp(name.data());
    std::filesystem::create_directories(root_ + "/tmp");
    std::ofstream(path()) << "100 10 mine\n";
    now_ = static_cast<std::uint64_t>(std::time(nullptr)) * 1'000'000'000;
  }
  ~PerfMapFile() override { std::filesystem::remove_all(root_); }
  std::string path() const { return root_ + "/tmp/perf-7.map"; }
  std::string refusalOf(const RecordedProcess& process) const {
    absl::StatusOr<PerfMap> map = PerfMap::ofProcess(process, root_);
    if (!map.ok()) return std::string(map.status().message());
    return map->empty() ? "empty" : "believed";
  }

  static constexpr std::uint64_t kMinute = 60'000'000'000;
  std::string root_;
  std::uint64_t now_ = 0;
};

TEST_F(PerfMapFile, OfTheProcessIsBelieved) {
  EXPECT_EQ(refusalOf({7, now_ - kMinute, now_ + kMinute}), "believed");
  EXPECT_EQ(refusalOf({8, now_ - kMinute, now_ + kMinute}), "empty");
  EXPECT_EQ(refusalOf({0, 0, 0}), "empty");
}

TEST_F(PerfMapFile, OfAnotherProcessOfTheSameNumberIsRefused) {
  EXPECT_THAT(refusalOf({7, now_ + kMinute, now_ + 2 * kMinute}),
              testing::HasSubstr("older than the process"));
  EXPECT_THAT(refusalOf({7, now_ - 2 * kMinute, now_ - kMinute}), testing::HasSubstr("begun after the dump"));
}

TEST_F(PerfMapFile, ThatIsALinkIsRefused) {
  std::filesystem::rename(path(), root_ + "/elsewhere");
  std::filesystem::create_symlink(root_ + "/elsewhere", path());
  EXPECT_THAT(refusalOf({7, now_ - kMinute, now_ + kMinute}), testing::HasSubstr("not a file"));
}

}  // namespace
}  // namespace heapprof::symbols
