#include "profiler/capture/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace heapprof::capture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Target target() {
  Target result;
  result.path = "/usr/bin/service";
  result.name = "service-with-a-long-name";
  return result;
}

Absence asked() {
  return {true, true, "service-with-a-long-name", "512k"};
}

Ended ended(const std::string& lastName, int signal) {
  Ended result;
  result.pid = 7;
  result.signal = signal;
  result.lastName = lastName;
  return result;
}

TEST(Outcome, KillCannotBeCaught) {
  EXPECT_THAT(whyNoDump(target(), ended("service-with-a-", SIGKILL), asked()),
              ElementsAre(HasSubstr("signal 9 (Killed), which no program can catch")));
}

TEST(Outcome, CrashLeavesNoDump) {
  EXPECT_THAT(whyNoDump(target(), ended("service-with-a-", SIGSEGV), asked()),
              ElementsAre(HasSubstr("a crash leaves no dump")));
}

TEST(Outcome, TerminationWithoutItsTriggerNamesTheTrigger) {
  Absence without = asked();
  without.dumpsAtTermination = false;
  EXPECT_THAT(whyNoDump(target(), ended("service-with-a-", SIGTERM), without),
              ElementsAre(HasSubstr("let --dump hold term")));
}

TEST(Outcome, ExecOfAnotherProgramIsNamed) {
  const auto reasons = whyNoDump(target(), ended("worker", 0), asked());
  ASSERT_EQ(reasons.size(), 2u);
  EXPECT_THAT(reasons[0], HasSubstr("ended as worker"));
  EXPECT_THAT(reasons[0], HasSubstr("--only worker"));
}

TEST(Outcome, QuietEndNamesTheTwoThingsItCanBe) {
  EXPECT_THAT(whyNoDump(target(), ended("service", 0), asked()),
              ElementsAre(testing::AllOf(HasSubstr("nothing was sampled"), HasSubstr("_exit()"))));
}

TEST(Outcome, ProgramThatOnlyLeavesOutIsNamed) {
  Absence others = asked();
  others.only = "other|serv";
  EXPECT_THAT(whyNoDump(target(), ended("service-with-a-", 0), others),
              ElementsAre(HasSubstr("--only other|serv leaves out service-with-a-long-name")));
  for (const char* matching : {"serv*", "other|service", "service-with-a-long-name"}) {
    others.only = matching;
    EXPECT_THAT(whyNoDump(target(), ended("service-with-a-", 0), others),
                ElementsAre(HasSubstr("nothing was sampled")));
  }
}

TEST(Outcome, WithSamplingOffMissingSamplesAreNotTheReason) {
  Absence off = asked();
  off.sample = "0";
  EXPECT_THAT(
      whyNoDump(target(), ended("service", 0), off),
      ElementsAre(testing::AllOf(testing::StartsWith("it left by _exit()"), Not(HasSubstr("sampled")))));
}

TEST(Outcome, DaemonWhoseDumpIsToComeIsNotBlamed) {
  Absence daemon = asked();
  daemon.othersGoOn = true;
  EXPECT_THAT(whyNoDump(target(), ended("service", 0), daemon),
              ElementsAre(HasSubstr("what goes on dumps when it ends")));
}

TEST(Outcome, TriggersWithoutExitAreNamed) {
  Absence without = asked();
  without.dumpsAtExit = false;
  EXPECT_THAT(whyNoDump(target(), ended("service", 0), without),
              ElementsAre(HasSubstr("--dump holds no exit")));
}

}  // namespace
}  // namespace heapprof::capture
