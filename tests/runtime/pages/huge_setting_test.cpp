// Huge pages under each setting of the system. Writes /sys/kernel/mm/transparent_hugepage/enabled, and
// restores it: runs alone, and only where that may be done (root, no container that forbids it).
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "tests/runtime/pages/huge_process.h"

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

}  // namespace
}  // namespace heapprof
