#include "profiler/capture/launch.h"

#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace heapprof::capture {
namespace {

const std::string kPrograms = CAPTURE_PROGRAMS;
const std::string kProbe = kPrograms + "/libprobe.so";

Launch shell(const std::string& script) {
  return {"/bin/sh", {"sh", "-c", script}, kProbe, "sample=1"};
}

std::string textOf(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Launch, PassesTheExitStatusOn) {
  const auto ended = run({kPrograms + "/plain", {"plain", "42"}, kProbe, ""});
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->exitStatus, 42);
  EXPECT_EQ(ended->signal, 0);
  EXPECT_EQ(ended->lastName, "plain");
}

TEST(Launch, SaysSignalsAsAShellDoes) {
  const auto ended = run(shell("kill -KILL $$"));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exitStatus, 137);
  EXPECT_EQ(ended->signal, SIGKILL);
}

TEST(Launch, NamesWhatItBecame) {
  const auto ended = run(shell("exec " + kPrograms + "/plain 3"));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exitStatus, 3);
  EXPECT_EQ(ended->lastName, "plain");
}

TEST(Launch, PutsTheLibraryBeforeOthersAndReplacesTheOptions) {
  const std::string out = testing::TempDir() + "heapprof_env";
  setenv("LD_PRELOAD", (kPrograms + "/../capture/libprobe.so").c_str(), 1);
  setenv("HEAPPROF", "old", 1);
  const auto ended = run(shell("printf '%s\\n' \"$LD_PRELOAD\" \"$HEAPPROF\" > " + out));
  unsetenv("LD_PRELOAD");
  unsetenv("HEAPPROF");
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(textOf(out), kProbe + ":" + kPrograms + "/../capture/libprobe.so\nsample=1\n");
  std::remove(out.c_str());
}

TEST(Launch, WhatCannotBeExecutedIsAnErrorAndNotAnExitStatus) {
  const auto ended = run({kPrograms + "/no_such", {"no_such"}, kProbe, ""});
  EXPECT_THAT(std::string(ended.status().message()),
              testing::HasSubstr("no_such: cannot be executed: No such file"));
}

TEST(Launch, LeavesSignalsAsTheyWere) {
  struct sigaction ignored {
  }, now{};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignored, nullptr);  // would reap the child behind our back
  const auto ended = run({kPrograms + "/plain", {"plain", "5"}, kProbe, ""});
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->exitStatus, 5);
  sigaction(SIGCHLD, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
  ignored.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &ignored, nullptr);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

// Starts `signals` under run() in a process of its own, behind `descriptor`; its exit status is the
// program's.
[[noreturn]] void runSignals(int descriptor) {
  if (descriptor >= 0) dup2(descriptor, STDOUT_FILENO);
  const auto ended = run({kPrograms + "/signals", {"signals"}, kProbe, ""});
  _exit(ended.ok() ? ended->exitStatus : 99);
}

void waitForReady(int descriptor) {
  std::string seen;
  char byte = 0;
  while (seen.find("ready") == std::string::npos && read(descriptor, &byte, 1) == 1) seen += byte;
}

int exitStatusOf(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Launch, PassesTerminationOn) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t runner = fork();
  if (runner == 0) runSignals(ends[1]);
  close(ends[1]);
  waitForReady(ends[0]);
  kill(runner, SIGTERM);
  EXPECT_EQ(exitStatusOf(runner), 1);
  close(ends[0]);
}

TEST(Launch, TerminalsInterruptArrivesOnce) {
  int terminal = -1;
  const pid_t runner = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (runner == 0) runSignals(-1);
  waitForReady(terminal);
  ASSERT_EQ(write(terminal, "\x03", 1), 1);
  EXPECT_EQ(exitStatusOf(runner), 10);
  close(terminal);
}

}  // namespace
}  // namespace heapprof::capture
