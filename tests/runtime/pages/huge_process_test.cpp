// Huge pages in processes of their own with the real library (huge_victim.cpp), as this system is set.
#include "tests/runtime/pages/huge_process.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "runtime/os/os.h"
#include "runtime/os/thp.h"

namespace heapprof {
namespace {

using tests::leastPrinted;
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

// A memory cgroup (v1) of its own below that of this process.
class OwnGroup : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const std::size_t at = line.find(":memory:");
      if (at != std::string::npos) {
        group_ = "/sys/fs/cgroup/memory" + line.substr(at + 8) + "/heapprof-" + std::to_string(getpid());
      }
    }
    std::error_code error;
    if (group_.empty() || !std::filesystem::create_directory(group_, error))
      GTEST_SKIP() << "no memory cgroup (v1) can be made here";
  }
  void limit(std::size_t bytes) const {
    std::ofstream(group_ + "/memory.limit_in_bytes") << bytes << std::flush;
  }
  int runInGroup(const std::string& what, const std::string& options) const {
    const std::string command =
        "sh -c 'echo $$ > " + group_ + "/tasks; exec " + victimCommand(what, options) + "'";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove(group_, error);
  }
  std::string group_;
};

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
