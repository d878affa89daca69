// The helper thread, in a process of its own with the real library (helper_victim.cpp).
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>

namespace {

// The victim's exit status; -1 where it was killed, 124 where it did not end.
int run(const char* what, const char* options) {
  const std::string command = std::string("timeout 60 env HEAPPROF=") + options +
                              " LD_PRELOAD=" HEAPPROF_LIBRARY " " HEAPPROF_VICTIM " " + what;
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Helper, IsNotStartedUnder8MiB) {
  EXPECT_EQ(run("small", "0"), 0);
}

TEST(Helper, IsNotStartedWhereTheHeapIsLargerButLittleOfItIsLive) {
  EXPECT_EQ(run("mixed", "0"), 0);
}

TEST(Helper, PurgesAnIdleProcessAndThenSleepsForGood) {
  EXPECT_EQ(run("idle", "0"), 0);
}

TEST(Helper, IsForbiddenByAnOption) {
  EXPECT_EQ(run("forbidden", "sample=0,dump=none,background=0"), 0);
}

TEST(Helper, AChildStartsItsOwn) {
  EXPECT_EQ(run("child", "0"), 0);
}

TEST(Helper, AProcessEndsWithItsLastOwnThread) {
  EXPECT_EQ(run("main-leaves", "0"), 0);
}

TEST(Helper, TrimsTheHeapsOfThreadsThatSleep) {
  EXPECT_EQ(run("sleepers", "0"), 0);
  EXPECT_EQ(run("sleepers-at-many-depths", "0"), 0);
  EXPECT_EQ(run("sleepers", "sample=64k,dump=none"), 0);
}

TEST(Helper, LeavesTheHeapOfAThreadInVforkToItsChild) {
  EXPECT_EQ(run("vforker", "0"), 0);
}

TEST(Helper, LeavesTheHeapOfAThreadInASignalHandler) {
  EXPECT_EQ(run("handler", "0"), 0);
}

TEST(Helper, ThreadsWhoseHeapsAreTakenAtAnyMomentLoseNothing) {
  EXPECT_EQ(run("storm", "0"), 0);
  EXPECT_EQ(run("storm", "sample=4k,dump=none"), 0);
}

TEST(Helper, ARefusingKernelIsNoError) {
  EXPECT_EQ(run("sandboxed", "0"), 0);
}

}  // namespace
