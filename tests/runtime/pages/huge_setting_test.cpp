// Huge pages under each setting of the system. Writes files of
// /sys/kernel/mm/transparent_hugepage, and restores them: runs alone, and only where that may be done (root,
// no container that forbids it).
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "tests/runtime/pages/huge_process.h"
#include "tests/runtime/pages/own_group.h"

namespace heapprof {
namespace {

using os::ThpSetting;
using tests::leastPrinted;
using tests::runVictim;

constexpr char kEnabled[] = "/sys/kernel/mm/transparent_hugepage/enabled";

const char* nameOf(ThpSetting setting) {
  return setting == ThpSetting::kAlways ? "always" : setting == ThpSetting::kNever ? "never" : "madvise";
}

class HugeSetting : public testing::Test {
 protected:
  void SetUp() override {
    before_ = os::readThpSetting();
    if (os::geometry().hugePageBytes != std::size_t{2} << 20 || before_ == ThpSetting::kUnreadable)
      GTEST_SKIP() << "no huge pages of 2 MiB here";
    if (!set(ThpSetting::kMadvise)) GTEST_SKIP() << kEnabled << " cannot be written here";
  }
  void TearDown() override {
    if (before_ != ThpSetting::kUnreadable) set(before_);
  }
  static bool set(ThpSetting setting) {
    std::ofstream(kEnabled) << nameOf(setting) << std::flush;
    return os::readThpSetting() == setting;
  }
  ThpSetting before_ = ThpSetting::kUnreadable;
};

TEST_F(HugeSetting, UnderAlwaysADenseHeapIsHugeASparseOneAndASmallOneAreNot) {
  ASSERT_TRUE(set(ThpSetting::kAlways));
  EXPECT_EQ(runVictim("dense"), 0);
  EXPECT_EQ(runVictim("sparse"), 0);
  EXPECT_EQ(runVictim("never", "thp=never,sample=0,dump=none"), 0);
  const long with = leastPrinted("small");
  ASSERT_TRUE(set(ThpSetting::kMadvise));
  const long without = leastPrinted("small", "thp=never,sample=0,dump=none");
  ASSERT_GT(with, 0);
  EXPECT_LE(static_cast<double>(with), static_cast<double>(without) * 1.03);
}

TEST_F(HugeSetting, NeverIsObeyedUnlessTheOptionSaysAlways) {
  ASSERT_TRUE(set(ThpSetting::kNever));
  EXPECT_EQ(runVictim("never"), 0);
  EXPECT_EQ(runVictim("dense", "thp=always,sample=0,dump=none"), 0);
}

// Pages of 64 KiB by faults: another file of the system, restored as well.
class SizeSetting : public tests::OwnGroup {
 protected:
  void SetUp() override {
    char word[os::kSettingBytes];
    if (!os::readSizeSetting(kBytes, word)) GTEST_SKIP() << "no huge pages of 64 KiB here (Linux 6.8)";
    OwnGroup::SetUp();
    if (IsSkipped()) return;
    before_ = word;
    if (!set("never")) GTEST_SKIP() << kFile << " cannot be written here";
  }
  void TearDown() override {
    if (!before_.empty()) set(before_);
    OwnGroup::TearDown();
  }
  static bool set(const std::string& setting) {
    std::ofstream(kFile) << setting << std::flush;
    char word[os::kSettingBytes];
    return os::readSizeSetting(kBytes, word) && setting == word;
  }
  static constexpr std::size_t kBytes = std::size_t{64} << 10;
  static constexpr char kFile[] = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
  std::string before_;
};

TEST_F(SizeSetting, AFaultTakesOnePageAndWhatIsGivenBackIsNotChargedFor) {
  const bool largerOnes = os::readThpSetting() == ThpSetting::kAlways;
  EXPECT_EQ(os::faultsMayBeHuge(), largerOnes);
  ASSERT_TRUE(set("always"));
  EXPECT_TRUE(os::faultsMayBeHuge());
  // A large page of which one small one is in use stays charged whole, though RSS falls.
  EXPECT_EQ(runInGroup("fallen " + group_ + "/memory.usage_in_bytes", "thp=never,sample=0,dump=none"), 0);
  ASSERT_TRUE(set("inherit"));
  EXPECT_EQ(os::faultsMayBeHuge(), largerOnes);
}

}  // namespace
}  // namespace heapprof
