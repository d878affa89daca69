// Huge pages in processes of their own with the real library (huge_victim.cpp), as this system is set.
#include "tests/runtime/pages/huge_process.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "tests/runtime/pages/own_group.h"

namespace heapprof {
namespace {

using tests::leastPrinted;
using tests::OwnGroup;
using tests::runVictim;
using tests::victimCommand;

class HugeProcess : public testing::Test {
 protected:
  void SetUp() override {
    if (os::geometry().hugePageBytes != std::size_t{2} << 20 || os::thpIsDisabledHere() ||
        os::readThpSetting() == os::ThpSetting::kNever) {
      GTEST_SKIP() << "no huge pages of 2 MiB here, or set to never";
    }
  }
};

TEST_F(HugeProcess, ADenseHeapIsHugeWithinSecondsAndGoesBackWhenItFalls) {
  EXPECT_EQ(runVictim("dense"), 0);
}

TEST_F(HugeProcess, TheOptionNeverFormsNone) {
  EXPECT_EQ(runVictim("never", "thp=never,sample=0,dump=none"), 0);
}

TEST_F(HugeProcess, ASparseSpanStaysOnSmallPages) {
  EXPECT_EQ(runVictim("sparse"), 0);
}

TEST_F(HugeProcess, DisabledByPrctlNoneIsFormed) {
  EXPECT_EQ(runVictim("disabled"), 0);
  EXPECT_EQ(runVictim("disabled", "thp=always,sample=0,dump=none"), 0);
}

TEST_F(HugeProcess, DeniedBySeccompNoneIsFormedAndNothingElseChanges) {
  EXPECT_EQ(runVictim("denied"), 0);
}

TEST_F(HugeProcess, UnderEightMebibytesNothingIsSpentOnThem) {
  const long with = leastPrinted("small");
  const long without = leastPrinted("small", "thp=never,sample=0,dump=none");
  ASSERT_GT(with, 0);
  EXPECT_LE(static_cast<double>(with), static_cast<double>(without) * 1.03);
}

TEST(MemoryLimit, IsWhatTheHeapHandsOutAtMost) {
  EXPECT_EQ(runVictim("limited", "limit=32m,sample=0,dump=none"), 0);
}

TEST_F(OwnGroup, WhatWasHugeIsNotChargedForOnceItIsGivenBack) {
  if (os::readThpSetting() == os::ThpSetting::kNever) GTEST_SKIP() << "the system's setting is never";
  EXPECT_EQ(runInGroup("dense " + group_ + "/memory.usage_in_bytes", "sample=0,dump=none"), 0);
}

TEST_F(OwnGroup, NearItWhatIsFreeGoesBackAtOnce) {
  constexpr const char* kPatient = "purge=60,sample=0,dump=none";
  EXPECT_EQ(runVictim("pressed", kPatient), 1) << "nothing presses, so it waits for a minute";
  limit(std::size_t{54} << 20);
  EXPECT_EQ(runInGroup("pressed", kPatient), 0);
}

}  // namespace
}  // namespace heapprof
