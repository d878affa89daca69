// What is said of a run is what the program did: programs whose memory, time and end are known.
#include "profiler/capture/measured_run.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace heapprof::capture {
namespace {

using testing::HasSubstr;

const std::string kPrograms = CAPTURE_PROGRAMS;
const std::string kProbe = kPrograms + "/libprobe.so";
constexpr std::uint64_t kMib = 1 << 20;

RunRequest shell(const std::string& script) {
  RunRequest request;
  request.path = "/bin/sh";
  request.arguments = {"sh", "-c", script};
  return request;
}

RunRequest grow(std::vector<std::string> arguments) {
  RunRequest request;
  request.path = kPrograms + "/grow";
  arguments.insert(arguments.begin(), "grow");
  request.arguments = std::move(arguments);
  return request;
}

RunFigures ran(const RunRequest& request) {
  MeasuredRuns runs;
  absl::StatusOr<RunFigures> figures = runs.run(request);
  EXPECT_TRUE(figures.ok()) << figures.status();
  return figures.ok() ? *figures : RunFigures();
}

TEST(MeasuredRun, PeakIsTheProgramsAndNotThatOfTheProcessThatStartedIt) {
  const std::size_t bytes = 100 * kMib;
  const std::unique_ptr<char[]> ours(new char[bytes]);
  for (std::size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(ours.get())[at] = 1;
  const RunFigures small = ran(grow({"0"}));
  ASSERT_TRUE(small.peakRssBytes);
  EXPECT_GT(*small.peakRssBytes, kMib / 2);
  EXPECT_LT(*small.peakRssBytes, 20 * kMib);
  const RunFigures large = ran(grow({"150"}));
  EXPECT_GE(*large.peakRssBytes, 150 * kMib);
  EXPECT_LT(*large.peakRssBytes, 170 * kMib);
}

TEST(MeasuredRun, PeakIsExactHoweverShortItWas) {
  const RunFigures figures = ran(grow({"64", "free"}));
  EXPECT_GE(*figures.peakRssBytes, 64 * kMib);
  EXPECT_LT(*figures.peakRssBytes, 80 * kMib);
  EXPECT_GE(figures.minorFaults, 32u);  // even where all of it came as huge pages
}

TEST(MeasuredRun, RssAtEndIsWhatItHeldWhenItEnded) {
  const RunFigures freed = ran(grow({"64", "free"}));
  ASSERT_TRUE(freed.seenAtEnd);
  EXPECT_LT(*freed.endRssBytes, 20 * kMib);
  EXPECT_GE(*freed.peakRssBytes, 64 * kMib);
  EXPECT_GE(*ran(grow({"64"})).endRssBytes, 64 * kMib);
  EXPECT_GE(*ran(grow({"64", "thread"})).endRssBytes, 64 * kMib);  // which is not the one that is traced
}

TEST(MeasuredRun, SignalsDoToTheProgramWhatTheyWouldDoUnmeasured) {
  EXPECT_EQ(ran(shell("trap 'exit 9' USR1; kill -USR1 $$; exit 1")).exitStatus, 9);
  EXPECT_EQ(ran(shell("trap '' PIPE; kill -PIPE $$; exit 8")).exitStatus, 8);
  EXPECT_EQ(ran(shell("kill -KILL $$")).signal, SIGKILL);
  const RunFigures stopped = ran(shell("(sleep 0.2; kill -CONT $$) & kill -STOP $$; wait; exit 7"));
  EXPECT_EQ(stopped.exitStatus, 7);
  EXPECT_GE(stopped.wallSeconds, 0.2);  // it stood still until it was told to go on
}

TEST(MeasuredRun, MemoryIsThatOfTheLargestProcessOfTheTree) {
  const std::string one = absl::StrCat(kPrograms, "/grow 40 rest 150");
  const RunFigures figures = ran(shell(absl::StrCat(one, " & ", one, " & wait")));
  EXPECT_GE(*figures.peakRssBytes, 40 * kMib);
  EXPECT_LT(*figures.peakRssBytes, 60 * kMib);
  EXPECT_EQ(figures.outlived, 0u);
}

TEST(MeasuredRun, HugePagesAreSeen) {
  std::string mode;
  std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), mode);
  if (mode.find("[always]") == std::string::npos && mode.find("[madvise]") == std::string::npos)
    GTEST_SKIP() << "no huge pages here: " << mode;
  const RunFigures figures = ran(grow({"32", "huge", "rest", "150"}));
  ASSERT_TRUE(figures.hugeBytes);
  EXPECT_GE(*figures.hugeBytes, 2 * kMib);
  EXPECT_LE(*figures.hugeBytes, 34 * kMib);
}

TEST(MeasuredRun, CpuIsOfAllThatWasWaitedForAndWallIsTheClocks) {
  const RunFigures busy =
      ran(shell("(i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done); (sleep 0.1)"));  // in subshells
  EXPECT_GT(busy.cpuSeconds, 0.01);
  EXPECT_GE(busy.wallSeconds, 0.1);
  EXPECT_LT(ran(shell("sleep 0.1")).cpuSeconds, 0.1);
}

TEST(MeasuredRun, EndsAreToldAsTheyWere) {
  EXPECT_EQ(ran(shell("exit 42")).exitStatus, 42);
  const RunFigures killed = ran(shell("kill -SEGV $$"));
  EXPECT_EQ(killed.signal, SIGSEGV);
  EXPECT_EQ(killed.exitStatus, 128 + SIGSEGV);
  RunRequest missing = shell("true");
  missing.path = "/bin/none-of-that-name";
  MeasuredRuns runs;
  EXPECT_FALSE(runs.run(missing).ok());
}

TEST(MeasuredRun, CallersAllocatorAndOptionsDoNotReachTheProgram) {
  setenv("HEAPPROF", "sample=1", 1);
  setenv("LD_PRELOAD", kProbe.c_str(), 1);
  EXPECT_EQ(ran(shell("[ -z \"$HEAPPROF$LD_PRELOAD\" ]")).exitStatus, 0);
  RunRequest with = shell(absl::StrCat("[ \"$LD_PRELOAD\" = ", kProbe, " ] && [ -z \"$HEAPPROF\" ]"));
  with.library = kProbe;
  EXPECT_EQ(ran(with).exitStatus, 0);
  unsetenv("HEAPPROF");
  unsetenv("LD_PRELOAD");
}

TEST(MeasuredRun, InputIsEmptyOrTheFileEachTimeFromItsStart) {
  EXPECT_EQ(ran(shell("[ -z \"$(cat)\" ]")).exitStatus, 0);
  RunRequest reader = shell("read a && [ \"$a\" = \"first line\" ]");
  reader.input = testing::TempDir() + "measured_run_input";
  std::ofstream(reader.input) << "first line\nsecond\n";
  EXPECT_EQ(ran(reader).exitStatus, 0);
  EXPECT_EQ(ran(reader).exitStatus, 0);
  reader.input = "/none";
  MeasuredRuns runs;
  EXPECT_THAT(std::string(runs.run(reader).status().message()), HasSubstr("/none"));
}

TEST(MeasuredRun, WhatOutlivesTheCommandIsEndedWithIt) {
  const auto start = std::chrono::steady_clock::now();
  const RunFigures figures = ran(shell("sleep 100 & sleep 100 & exit 0"));
  EXPECT_EQ(figures.exitStatus, 0);
  EXPECT_EQ(figures.outlived, 2u);
  EXPECT_LT(figures.wallSeconds, 50);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // nobody is left
}

// In a process of its own: runs the script, and exits as interrupted or with 1.
[[noreturn]] void runUntilInterrupted(const std::string& script) {
  MeasuredRuns runs;
  RunRequest request = shell(script);
  request.showOutput = true;
  const absl::StatusOr<RunFigures> figures = runs.run(request);
  _exit(absl::IsCancelled(figures.status()) ? 128 + runs.interruptedBy() : 1);
}

int exitStatusOf(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(MeasuredRun, AnInterruptEndsTheWholeTreeAndIsTold) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t runner = fork();
  if (runner == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    runUntilInterrupted("sleep 100 & echo ready; sleep 100; true");
  }
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);  // it runs
  kill(runner, SIGINT);
  EXPECT_EQ(exitStatusOf(runner), 130);
  while (read(ends[0], &byte, 1) > 0) {  // at its end nobody holds the pipe's other one any more
  }
  close(ends[0]);
}

TEST(MeasuredRun, ATerminalsInterruptIsOneThoughTheCommandEndsByIt) {
  int terminal = -1;
  const pid_t runner = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (runner == 0) runUntilInterrupted("echo ready; exec sleep 100");
  std::string seen;
  char byte = 0;
  while (seen.find("ready") == std::string::npos && read(terminal, &byte, 1) == 1) seen += byte;
  ASSERT_EQ(write(terminal, "\x03", 1), 1);
  EXPECT_EQ(exitStatusOf(runner), 130);
  close(terminal);
}

TEST(TryPreload, SaysWhatTheLoaderHasAgainstALibrary) {
  MeasuredRuns runs;
  EXPECT_EQ(runs.tryPreload(kPrograms + "/plain", kProbe), absl::OkStatus());
  const std::string text = testing::TempDir() + "no_library.so";
  std::ofstream(text) << "text\n";
  const absl::Status refused = runs.tryPreload(kPrograms + "/plain", text);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("cannot be preloaded"));
}

}  // namespace
}  // namespace heapprof::capture
