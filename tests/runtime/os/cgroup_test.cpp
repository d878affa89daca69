// The reader of cgroup limits, on trees of files as the kernel lays them out.
#include "runtime/os/cgroup.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "runtime/os/cgroup_mount.h"
#include "runtime/os/fake.h"

namespace heapprof::os {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/heapprof-cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    own_ = root_ + "/own";
    v1_ = root_ + "/memory";
    v2_ = root_ + "/v2";
    beside_ = root_ + "/unified";
    pressure_ = root_ + "/pressure";
    mounts_ = root_ + "/mountinfo";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  CgroupPlaces places() const {
    return {own_.c_str(), v1_.c_str(), v2_.c_str(), beside_.c_str(), pressure_.c_str(), mounts_.c_str()};
  }
  std::string root_, own_, v1_, v2_, beside_, pressure_, mounts_;
};

TEST_F(Cgroup, OfVersion2TheLevelWithTheLeastRoomCounts) {
  write(own_, "0::/slice/service\n");
  write(v2_ + "/slice/service/memory.current", std::to_string(100 * kMiB) + "\n");
  write(v2_ + "/slice/service/memory.max", std::to_string(1000 * kMiB) + "\n");
  write(v2_ + "/slice/service/memory.high", "max\n");
  write(v2_ + "/slice/memory.current", std::to_string(450 * kMiB) + "\n");
  write(v2_ + "/slice/memory.max", "max\n");
  write(v2_ + "/slice/memory.high", std::to_string(500 * kMiB) + "\n");
  const CgroupMemory memory = readCgroupMemory(places());
  ASSERT_TRUE(memory.known);
  EXPECT_EQ(memory.version, 2);
  EXPECT_EQ(memory.usageBytes, 450 * kMiB);
  EXPECT_EQ(memory.throttleBytes, 500 * kMiB);
  EXPECT_EQ(memory.limitBytes, kNoLimit);
  EXPECT_EQ(memory.nearestBytes(), 500 * kMiB);
}

TEST_F(Cgroup, OfVersion1TheLimitAndWhatTheKernelDropsFirst) {
  write(own_, "0::/elsewhere\n5:cpu:/x\n4:hugetlb,memory:/job\n");
  write(v1_ + "/job/memory.usage_in_bytes", std::to_string(90 * kMiB));
  write(v1_ + "/job/memory.limit_in_bytes", std::to_string(100 * kMiB));
  std::string stat;
  for (int i = 0; i < 500; ++i) stat += "some_counter_" + std::to_string(i) + " 12345\n";
  write(v1_ + "/job/memory.stat",
        stat + "inactive_file 1\ntotal_inactive_file " + std::to_string(30 * kMiB) + "\nhierarchical 1\n");
  const CgroupMemory memory = readCgroupMemory(places());
  ASSERT_TRUE(memory.known);
  EXPECT_EQ(memory.version, 1);
  EXPECT_EQ(memory.limitBytes, 100 * kMiB);
  EXPECT_EQ(memory.throttleBytes, kNoLimit);
  EXPECT_EQ(memory.workingBytes(), 60 * kMiB);
}

TEST_F(Cgroup, NoLimitIsNoNumberAndAContainerSeesItsOwnGroupAtTheMount) {
  write(own_, "4:memory:/docker/0123\n");
  write(v1_ + "/memory.usage_in_bytes", "4096\n");
  write(v1_ + "/memory.limit_in_bytes", "9223372036854771712\n");
  const CgroupMemory memory = readCgroupMemory(places());
  ASSERT_TRUE(memory.known);
  EXPECT_EQ(memory.usageBytes, 4096u);
  EXPECT_EQ(memory.nearestBytes(), kNoLimit);
}

TEST_F(Cgroup, AMountInAnUnusualPlaceIsFoundAndItsChargeCanBeReadAlone) {
  const std::string mount = root_ + "/m";
  write(own_, "0::/docker/1/inner\n");
  write(mount + "/inner/memory.current", std::to_string(90 * kMiB));
  write(mount + "/inner/memory.max", std::to_string(100 * kMiB));
  write(mount + "/inner/memory.stat", "anon 1\ninactive_file " + std::to_string(20 * kMiB) +
                                          "\nactive_file " + std::to_string(30 * kMiB) + "\nslab 7\n");
  write(mounts_,
        "1 0 0:1 / / rw - ext4 none rw\n41 31 0:38 /docker/1 " + mount + " rw - cgroup2 cgroup2 rw\n");
  CgroupFile usage;
  const CgroupMemory memory = readCgroupMemory(places(), &usage);
  ASSERT_TRUE(memory.known);
  EXPECT_EQ(memory.limitBytes, 100 * kMiB);
  EXPECT_EQ(memory.workingBytes(), 70 * kMiB);
  EXPECT_EQ(memory.unreclaimableBytes(), 40 * kMiB);
  EXPECT_EQ(usage.path, mount + "/inner/memory.current");
}

std::string mountOf(const char* line, int version, const char* own) {
  char mount[256];
  const char* below = "";
  if (!cgroupMountOf(line, version, own, mount, sizeof mount, &below)) return "(none)";
  return std::string(mount) + "|" + below;
}

TEST(CgroupMount, IsReadOutOfTheLinesOfMountinfo) {
  const char* v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory";
  EXPECT_EQ(mountOf(v1, 1, "/a/b"), "/sys/fs/cgroup/memory|/a/b");
  EXPECT_EQ(mountOf(v1, 1, ""), "/sys/fs/cgroup/memory|");
  EXPECT_EQ(mountOf(v1, 2, "/a/b"), "(none)");
  EXPECT_EQ(mountOf("33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", 1, "/a"), "(none)");
  EXPECT_EQ(mountOf("41 31 0:38 / /sys/fs/cg\\040roup rw shared:4 - cgroup2 cgroup2 rw", 2, "/a"),
            "/sys/fs/cg roup|/a");
}

TEST(CgroupMount, AContainerSeesItsOwnPartOfTheTree) {
  const char* line = "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
  EXPECT_EQ(mountOf(line, 1, "/docker/1"), "/sys/fs/cgroup/memory|");
  EXPECT_EQ(mountOf(line, 1, "/docker/1/inner"), "/sys/fs/cgroup/memory|/inner");
  EXPECT_EQ(mountOf(line, 1, "/docker/12"), "(none)");
  EXPECT_EQ(mountOf("35 31 0:32 / /m ro - cgroup2 none rw", 2, "/../other"), "(none)") << "not in view";
  EXPECT_EQ(mountOf("35 31 0:32", 2, "/a"), "(none)");
}

TEST_F(Cgroup, WhatCannotBeReadIsUnknownWhicheverReadFails) {
  EXPECT_FALSE(readCgroupMemory(places()).known);
  write(own_, "0::/a\n");
  EXPECT_FALSE(readCgroupMemory(places()).known);
  write(v2_ + "/a/memory.current", "8192\n");
  write(v2_ + "/a/memory.max", "16384\n");
  EXPECT_TRUE(readCgroupMemory(places()).known);
  for (const CallKind kind : {CallKind::kOpenRead, CallKind::kRead}) {
    for (std::uint64_t nth = 1; nth < 20; ++nth) {
      Fake fake;
      fake.failNth(kind, nth);
      const CgroupMemory memory = readCgroupMemory(places());
      if (memory.known) {
        EXPECT_EQ(memory.usageBytes, 8192u);
      }
      if (memory.limitBytes != kNoLimit) {
        EXPECT_EQ(memory.limitBytes, 16384u);
      }
    }
  }
}

TEST_F(Cgroup, StallsAreThoseOfTheOwnGroupElseOfTheMachine) {
  std::uint64_t micros = 0;
  EXPECT_FALSE(readMemoryStallMicros(&micros, places()));
  write(pressure_, "some avg10=0.00 avg60=0.00 avg300=0.00 total=777\nfull avg10=0.00 total=5\n");
  EXPECT_TRUE(readMemoryStallMicros(&micros, places()));
  EXPECT_EQ(micros, 777u);
  write(own_, "0::/a\n");
  write(v2_ + "/a/memory.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=42\nfull total=5\n");
  EXPECT_TRUE(readMemoryStallMicros(&micros, places()));
  EXPECT_EQ(micros, 42u);
}

TEST(CgroupOfThisProcess, AgreesWithTheKernelsFiles) {
  const CgroupMemory memory = readCgroupMemory();
  if (!memory.known) GTEST_SKIP() << "no readable memory controller here";
  EXPECT_GT(memory.usageBytes, 0u);
  EXPECT_GE(memory.nearestBytes(), memory.usageBytes);
}

}  // namespace
}  // namespace heapprof::os
