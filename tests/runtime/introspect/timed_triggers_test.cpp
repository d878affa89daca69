// The triggers on a clock, and keep=N: real processes on the real library.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/introspect/support.h"
#include "tests/runtime/introspect/victim.h"

namespace heapprof::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(TimedTriggers, AnIntervalDumpsOnlyWhatChanged) {
  const Scratch scratch;
  Victim victim(scratch, "obeys", "sample=4k,dump=interval:1s");
  victim.waitReady();
  waitForFiles(scratch, 1);
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::INTERVAL);
  usleep(2500000);
  EXPECT_THAT(scratch.files(), ElementsAre("d.1")) << "nothing happened";
  victim.command('o');
  waitForFiles(scratch, 2);
  EXPECT_EQ(reasonOf(scratch, "d.2"), heapprof::INTERVAL);
}

TEST(TimedTriggers, GrowthIsANewHigh) {
  const Scratch scratch;
  Victim victim(scratch, "obeys", "sample=64k,dump=growth:40m");
  victim.waitReady();
  usleep(250000);  // the helper has taken its first reading
  victim.command('a');
  victim.command('a');
  usleep(400000);
  EXPECT_THAT(scratch.files(), IsEmpty()) << "32 MiB";
  victim.command('a');
  waitForFiles(scratch, 1);
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::GROWTH);
  EXPECT_GT(readDump(scratch.path("d.1")).heapSnapshot.totals().live_bytes(), 40u << 20);
  victim.command('f');
  for (int i = 0; i < 3; ++i) victim.command('a');
  usleep(400000);
  EXPECT_THAT(scratch.files(), ElementsAre("d.1")) << "a heap that breathes does not grow";
  for (int i = 0; i < 3; ++i) victim.command('a');
  waitForFiles(scratch, 2);
}

TEST(TimedTriggers, APeakIsDumpedOnceTheHeapHasStoppedGrowing) {
  const Scratch scratch;
  Victim victim(scratch, "obeys", "sample=64k,dump=peak");
  victim.waitReady();
  usleep(250000);
  victim.command('a');
  waitForFiles(scratch, 1);
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::PEAK);
  victim.command('f');
  victim.command('a');
  usleep(500000);
  EXPECT_THAT(scratch.files(), ElementsAre("d.1")) << "no new peak";
  victim.command('a');
  victim.command('a');
  waitForFiles(scratch, 2);
}

// A cgroup of its own with a limit, below ours; empty where the kernel does not let us.
class LimitedCgroup {
 public:
  explicit LimitedCgroup(std::uint64_t bytes) {
    const std::string name = "/heapprof_test." + std::to_string(getpid());
    for (const bool v2 : {false, true}) {
      const std::string folder = std::string(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory") + name;
      if (mkdir(folder.c_str(), 0755) != 0) continue;
      folder_ = folder;
      if (put(v2 ? "memory.max" : "memory.limit_in_bytes", std::to_string(bytes))) return;
      rmdir(folder.c_str());
      folder_.clear();
    }
  }
  ~LimitedCgroup() {
    for (int i = 0; i < 100 && !folder_.empty() && rmdir(folder_.c_str()) != 0; ++i) usleep(10000);
  }
  LimitedCgroup(const LimitedCgroup&) = delete;
  LimitedCgroup& operator=(const LimitedCgroup&) = delete;

  bool made() const { return !folder_.empty(); }
  bool put(const std::string& file, const std::string& text) const {
    std::ofstream out(folder_ + "/" + file);
    out << text << std::flush;
    return out.good();
  }

 private:
  std::string folder_;
};

TEST(TimedTriggers, AnOomKillLeavesADumpFromJustBefore) {
  const LimitedCgroup cgroup(256u << 20);
  if (!cgroup.made()) GTEST_SKIP() << "no memory cgroup can be made here";
  const Scratch scratch;
  Victim victim(scratch, "obeys", "sample=64k,dump=near-limit:60%");
  victim.waitReady();
  ASSERT_TRUE(cgroup.put("cgroup.procs", std::to_string(victim.pid())));
  // It looks for the limit at its start, before it was moved, and again two seconds later.
  usleep(2500000);
  for (int i = 0; i < 8; ++i) victim.command('a');
  usleep(300000);
  EXPECT_THAT(scratch.files(), IsEmpty()) << "128 of 256 MiB";
  for (int i = 0; i < 4; ++i) victim.command('a');
  waitForFiles(scratch, 1);
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::NEAR_LIMIT);
  victim.send("aaaaaaaaaaaaaaaa");
  EXPECT_EQ(WTERMSIG(victim.end()), SIGKILL) << "the kernel's";
  EXPECT_THAT(scratch.files(), ElementsAre("d.1"));
}

TEST(TimedTriggers, OnlyTheNewestStay) {
  const Scratch scratch;
  std::ofstream(scratch.path("d.0")) << "another's";
  Victim victim(scratch, "obeys", "sample=4k,dump=signal:USR2,keep=2");
  victim.waitReady();
  for (int i = 1; i <= 4; ++i) {
    kill(victim.pid(), SIGUSR2);
    const std::string name = "d." + std::to_string(i);
    for (int wait = 0; wait < 2000 && access(scratch.path(name).c_str(), F_OK) != 0; ++wait) usleep(5000);
    usleep(50000);  // the older one goes after the new one came
  }
  EXPECT_THAT(scratch.files(), UnorderedElementsAre("d.0", "d.3", "d.4"));
}

TEST(TimedTriggers, AFileThatIsNotItsOwnIsNeverDeleted) {
  const Scratch scratch;
  Victim victim(scratch, "obeys", "sample=4k,dump=signal:USR2,keep=1");
  victim.waitReady();
  kill(victim.pid(), SIGUSR2);
  waitForFiles(scratch, 1);
  // Moved away, and another's file put in its place.
  ASSERT_EQ(rename(scratch.path("d.1").c_str(), scratch.path("saved").c_str()), 0);
  std::ofstream(scratch.path("d.1")) << "another's";
  kill(victim.pid(), SIGUSR2);
  waitForFiles(scratch, 3);
  usleep(100000);
  EXPECT_THAT(scratch.files(), UnorderedElementsAre("d.1", "d.2", "saved"));
  EXPECT_EQ(readFile(scratch.path("d.1")), "another's");
}

TEST(TimedTriggers, WithoutABackgroundThreadTheyAreRefusedInOneLine) {
  const Scratch scratch;
  Victim victim(scratch, "return", "sample=4k,dump=interval:1s+peak,background=0");
  EXPECT_EQ(WEXITSTATUS(victim.end()), 5);
  const std::string errors = victim.errors();
  EXPECT_THAT(errors, HasSubstr("background=0"));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

}  // namespace
}  // namespace heapprof::tests
