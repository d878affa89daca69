// When dumps happen, and that the program does not notice: real processes on the real library.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/introspect/support.h"
#include "tests/runtime/introspect/victim.h"

namespace heapprof::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
