// Where a process's memory limit is found, in lines of /proc as machines write them and in trees made for it.
#include "runtime/introspect/memory_limit.h"

#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>

#include "tests/runtime/introspect/support.h"

namespace heapprof::introspect {
namespace {

std::string cgroupOf(const char* line, bool* v2) {
  return memoryCgroupOf(line, v2);
}

TEST(MemoryLimit, TheCgroupIsInTheLineOfItsController) {
  bool v2 = false;
  EXPECT_EQ(cgroupOf("0::/user.slice/a.scope", &v2), "/user.slice/a.scope");
  EXPECT_TRUE(v2);
  EXPECT_EQ(cgroupOf("4:cpu,memory:/docker/1", &v2), "/docker/1");
  EXPECT_FALSE(v2);
  EXPECT_EQ(cgroupOf("4:memory:/", &v2), "/");
  for (const char* other : {"5:devices:/x", "9:name=memory:/x", "3:hugememory:/x", "nonsense", ""})
    EXPECT_EQ(cgroupOf(other, &v2), "") << other;
}

std::string folderOf(const char* line, bool v2, const char* own) {
  char folder[256];
  std::size_t length = 0;
  if (!cgroupFolderOf(line, v2, own, folder, sizeof folder, &length)) return "(none)";
  return std::string(folder, length) + "|" + (folder + length);
}

TEST(MemoryLimit, TheFolderIsFoundThroughTheMount) {
  const char* v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory";
  EXPECT_EQ(folderOf(v1, false, "/a/b"), "/sys/fs/cgroup/memory|/a/b");
  EXPECT_EQ(folderOf(v1, false, "/"), "/sys/fs/cgroup/memory|");
  EXPECT_EQ(folderOf(v1, true, "/a/b"), "(none)");
  EXPECT_EQ(folderOf("33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", false, "/a"), "(none)");
  const char* v2 = "41 31 0:38 / /sys/fs/cg\\040roup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
  EXPECT_EQ(folderOf(v2, true, "/a"), "/sys/fs/cg roup|/a");
}

TEST(MemoryLimit, AContainerSeesItsOwnPartOfTheTree) {
  const char* line = "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
  EXPECT_EQ(folderOf(line, false, "/docker/1"), "/sys/fs/cgroup/memory|");
  EXPECT_EQ(folderOf(line, false, "/docker/1/inner"), "/sys/fs/cgroup/memory|/inner");
  EXPECT_EQ(folderOf(line, false, "/docker/12"), "(none)");
  EXPECT_EQ(folderOf("35 31 0:32 / /m ro - cgroup2 none rw", true, "/../other"), "(none)") << "not in view";
  EXPECT_EQ(folderOf("35 31 0:32", true, "/a"), "(none)");
}

void put(const std::string& folder, const std::string& name, const std::string& text) {
  mkdir(folder.c_str(), 0700);
  std::ofstream(folder + "/" + name) << text << "\n";
}

struct Reading {
  bool known;
  std::uint64_t used = 0, limit = 0;
};

Reading readingAt(const std::string& mount, const std::string& below, bool v2) {
  MemoryLimit limit;
  limit.findAt((mount + below).c_str(), mount.size(), v2);
  Reading out{};
  out.known = limit.read(90, &out.used, &out.limit);
  return out;
}

TEST(MemoryLimit, TheFullestLevelCountsAndHighIsALimitToo) {
  const tests::Scratch scratch;
  const std::string mount = scratch.path("m");
  put(mount, "memory.max", "max");
  put(mount + "/a", "memory.max", "1000");
  put(mount + "/a", "memory.current", "800");
  put(mount + "/a/b", "memory.max", "500");
  put(mount + "/a/b", "memory.high", "400");
  put(mount + "/a/b", "memory.current", "100");
  const Reading inner = readingAt(mount, "/a/b", true);
  ASSERT_TRUE(inner.known);
  EXPECT_EQ(inner.used, 800u);
  EXPECT_EQ(inner.limit, 1000u);
  put(mount + "/a/b", "memory.current", "350");
  EXPECT_EQ(readingAt(mount, "/a/b", true).limit, 400u);
  EXPECT_FALSE(readingAt(mount, "", true).known) << "max is none";
  EXPECT_FALSE(readingAt(mount, "/no/such", true).known && readingAt(mount, "/no/such", true).limit == 0);
}

TEST(MemoryLimit, FileCacheIsNotHeldAgainstIt) {
  const tests::Scratch scratch;
  const std::string mount = scratch.path("m");
  put(mount, "memory.limit_in_bytes", "1000");
  put(mount, "memory.usage_in_bytes", "990");
  put(mount, "memory.stat", "cache 600\ntotal_inactive_file 500\ntotal_active_file 90\nactive_file 7");
  EXPECT_EQ(readingAt(mount, "", false).used, 400u);
  put(mount, "memory.limit_in_bytes", "9223372036854771712");
  EXPECT_FALSE(readingAt(mount, "", false).known);
}

}  // namespace
}  // namespace heapprof::introspect
