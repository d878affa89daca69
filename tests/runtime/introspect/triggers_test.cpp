// When dumps happen, and that the program does not notice: real processes on the real library.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// One victim, started with HEAPPROF=OPTIONS,path=SCRATCH/d.%n; its stdout and stderr are read through pipes.
class Victim {
 public:
  Victim(const Scratch& scratch, const std::string& how, const std::string& options,
         const std::string& name = "d.%n") {
    int out[2], err[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], 1);
      dup2(err[1], 2);
      setenv("LD_PRELOAD", VICTIM_LIBRARY, 1);
      const std::string where = options == "0" ? "" : ",path=" + scratch.path(name);
      if (!options.empty()) setenv("HEAPPROF", (options + where).c_str(), 1);
      execl(VICTIM_PROGRAM, "victim", how.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Victim() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(out_);
    close(err_);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  pid_t pid() const { return pid_; }
  void waitReady() {
    char line[6];
    EXPECT_EQ(read(out_, line, sizeof line), 6);
    EXPECT_EQ(std::string(line, 6), "ready\n");
  }
  int end() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    ended_ = true;
    return status;
  }
  std::string errors() {
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(err_, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  bool ended_ = false;
};

void waitForFiles(const Scratch& scratch, std::size_t count) {
  for (int i = 0; i < 12000; ++i) {  // a minute: other tests may hold the processors
    std::size_t whole = 0;
    for (const std::string& file : scratch.files()) whole += file.find(".tmp") == std::string::npos ? 1 : 0;
    if (whole >= count) return;
    usleep(5000);
  }
  FAIL() << "no dump came";
}

heapprof::DumpReason reasonOf(const Scratch& scratch, const std::string& name) {
  return readDump(scratch.path(name)).heapSnapshot.header().reason();
}

TEST(Triggers, ExitDumpsOnceAndKeepsTheExitStatus) {
  const Scratch scratch;
  Victim victim(scratch, "return", "sample=4k");
  const int status = victim.end();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_EQ(victim.errors(), "");
  ASSERT_THAT(scratch.files(), ElementsAre("d.1"));
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::EXIT);
  EXPECT_NEAR(static_cast<double>(total(readDump(scratch.path("d.1")), "inuse_requested")), 1e6, 3e5);
}

TEST(Triggers, TheExitDumpSeesWhatAtexitHandlersAllocated) {
  const Scratch scratch;
  Victim victim(scratch, "atexit", "sample=1");
  victim.end();
  const auto profile = readDump(scratch.path("d.1"));
  const auto& sizes = profile.heapSnapshot.samples().requested_bytes();
  EXPECT_THAT(std::vector<std::uint64_t>(sizes.begin(), sizes.end()), testing::Contains(100000u));
}

TEST(Triggers, NothingIsWrittenUnlessAsked) {
  for (const char* options : {"", "0", "sample=0", "sample=4k,dump=none", "sample=1t"}) {
    const Scratch scratch;
    Victim victim(scratch, "return", options);
    EXPECT_EQ(WEXITSTATUS(victim.end()), 5);
    EXPECT_THAT(scratch.files(), IsEmpty()) << options;
  }
  const Scratch scratch;
  Victim victim(scratch, "_exit", "sample=4k");
  victim.end();
  EXPECT_THAT(scratch.files(), IsEmpty()) << "_exit runs nothing, as documented";
}

TEST(Triggers, TerminationDumpsAndTheStatusIsTheSignals) {
  for (const int number : {SIGTERM, SIGINT}) {
    const Scratch scratch;
    Victim victim(scratch, "busy", "sample=4k,dump=term");
    victim.waitReady();
    kill(victim.pid(), number);
    const int status = victim.end();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), number);
    ASSERT_THAT(scratch.files(), ElementsAre("d.1"));
    EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::FATAL_SIGNAL);
  }
}

TEST(Triggers, ASignalSentTwiceAtOnceStillDumps) {
  const Scratch scratch;
  Victim victim(scratch, "busy", "sample=1,dump=term");
  victim.waitReady();
  for (int i = 0; i < 5; ++i) kill(victim.pid(), SIGTERM);
  EXPECT_EQ(WTERMSIG(victim.end()), SIGTERM);
  EXPECT_THAT(scratch.files(), ElementsAre("d.1"));
}

TEST(Triggers, AProgramsOwnHandlerComesFirst) {
  const Scratch scratch;
  Victim victim(scratch, "own handler", "sample=4k,dump=term+exit");
  victim.waitReady();
  kill(victim.pid(), SIGTERM);
  const int status = victim.end();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), SIGTERM);
  ASSERT_THAT(scratch.files(), ElementsAre("d.1"));
  EXPECT_EQ(reasonOf(scratch, "d.1"), heapprof::EXIT);
}

TEST(Triggers, AnIgnoredSignalStaysIgnored) {
  const Scratch scratch;
  signal(SIGTERM, SIG_IGN);
  Victim victim(scratch, "ignores", "sample=4k,dump=term");
  signal(SIGTERM, SIG_DFL);
  victim.waitReady();
  kill(victim.pid(), SIGTERM);
  const int status = victim.end();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_THAT(scratch.files(), IsEmpty());
}

TEST(Triggers, EachSignalGivesANumberedDumpWhileTheProgramRunsOn) {
  const Scratch scratch;
  Victim victim(scratch, "busy", "sample=4k,dump=signal:USR2");
  victim.waitReady();
  for (std::size_t i = 1; i <= 3; ++i) {
    kill(victim.pid(), SIGUSR2);
    waitForFiles(scratch, i);
    EXPECT_EQ(reasonOf(scratch, "d." + std::to_string(i)), heapprof::SIGNAL);
    EXPECT_EQ(readDump(scratch.path("d." + std::to_string(i))).heapSnapshot.header().sequence(), i);
  }
  EXPECT_EQ(waitpid(victim.pid(), nullptr, WNOHANG), 0) << "it runs on";
}

TEST(Triggers, ASignalDumpNeedsNoSamples) {
  const Scratch scratch;
  Victim victim(scratch, "wait", "sample=0,dump=signal:USR1");
  victim.waitReady();
  kill(victim.pid(), SIGUSR1);
  waitForFiles(scratch, 1);
  const auto profile = readDump(scratch.path("d.1"));
  EXPECT_EQ(profile.samples.size(), 0u);
  EXPECT_GT(profile.heapSnapshot.totals().live_bytes(), 1000000u);
}

TEST(Triggers, WithSamplingOffADumpAtTheEndIsWrittenWhenBothWereWritten) {
  for (const bool byTermination : {false, true}) {
    const Scratch scratch;
    Victim victim(scratch, byTermination ? "wait" : "return",
                  byTermination ? "sample=0,dump=term" : "sample=0,dump=exit");
    if (byTermination) {
      victim.waitReady();
      kill(victim.pid(), SIGTERM);
    }
    victim.end();
    EXPECT_EQ(victim.errors(), "");
    ASSERT_THAT(scratch.files(), ElementsAre("d.1"));
    const auto profile = readDump(scratch.path("d.1"));
    EXPECT_EQ(profile.samples.size(), 0u);
    EXPECT_FALSE(profile.heapSnapshot.header().has_sampling_interval_bytes());
    EXPECT_GT(profile.heapSnapshot.totals().live_bytes(), 1000000u);
  }
}

TEST(Triggers, WithoutABackgroundThreadSignalsAreRefusedInOneLine) {
  const Scratch scratch;
  Victim victim(scratch, "wait", "sample=4k,dump=signal:USR2+term,background=0");
  victim.waitReady();
  kill(victim.pid(), SIGTERM);
  EXPECT_EQ(WTERMSIG(victim.end()), SIGTERM);
  EXPECT_THAT(scratch.files(), IsEmpty());
  const std::string errors = victim.errors();
  EXPECT_THAT(errors, HasSubstr("background=0"));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

TEST(Triggers, AForkedChildDumpsUnderItsOwnPid) {
  const Scratch scratch;
  Victim victim(scratch, "fork", "sample=4k", "d.%p.%n");
  EXPECT_EQ(victim.end(), 0);
  const auto files = scratch.files();
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_NE(files[0], files[1]);
  EXPECT_THAT(files, testing::Contains("d." + std::to_string(victim.pid()) + ".1"));
}

TEST(Triggers, AForkedChildHasAHelperOfItsOwn) {
  const Scratch scratch;
  Victim victim(scratch, "child waits", "sample=4k,dump=term+signal:USR2", "d.%p.%n");
  victim.waitReady();
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", victim.pid(), victim.pid());
  const pid_t child = std::stoi(readFile(path));
  kill(child, SIGUSR2);
  waitForFiles(scratch, 1);
  kill(child, SIGTERM);
  EXPECT_EQ(WEXITSTATUS(victim.end()), SIGTERM);
  const std::string own = "d." + std::to_string(child);
  EXPECT_THAT(scratch.files(), testing::UnorderedElementsAre(own + ".1", own + ".2"));
}

TEST(Triggers, AVforkChildDiesAloneAndDumpsNothing) {
  const Scratch scratch;
  Victim victim(scratch, "vfork", "sample=4k,dump=term");
  EXPECT_EQ(WEXITSTATUS(victim.end()), SIGTERM) << "the child died of the signal, the parent lived";
  EXPECT_THAT(scratch.files(), IsEmpty());
}

TEST(Triggers, TheHelperDoesNotKeepAProgramAliveWhoseThreadsHaveEnded) {
  const Scratch scratch;
  Victim victim(scratch, "main thread ends", "sample=4k,dump=exit+signal:USR2");
  const int status = victim.end();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ASSERT_THAT(scratch.files(), ElementsAre("d.1"));
  EXPECT_GT(readDump(scratch.path("d.1")).mappings.size(), 1u) << "the leader's files are empty by now";
}

TEST(Triggers, WhatCannotBeWrittenIsSaidInOneLineAndTheProgramEndsAsItWould) {
  const Scratch scratch;
  Victim victim(scratch, "return", "sample=4k", "no/such/folder/d");
  EXPECT_EQ(WEXITSTATUS(victim.end()), 5);
  const std::string errors = victim.errors();
  EXPECT_THAT(errors, HasSubstr(scratch.path("no/such/folder/d")));
  EXPECT_THAT(errors, HasSubstr("no such file or directory"));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

TEST(Triggers, NumbersRiseAboveFilesThatAreThere) {
  const Scratch scratch;
  for (const char* taken : {"d.1", "d.2.tmp"})
    close(open(scratch.path(taken).c_str(), O_CREAT | O_WRONLY, 0600));
  Victim victim(scratch, "return", "sample=4k");
  victim.end();
  EXPECT_THAT(scratch.files(), testing::UnorderedElementsAre("d.1", "d.2.tmp", "d.3"));
  EXPECT_EQ(readFile(scratch.path("d.1")), "");
}

}  // namespace
}  // namespace heapprof::tests
