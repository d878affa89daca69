// `heapprof bench` on real commands under the real allocators that are installed here.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "tests/profiler/cli/done.h"

namespace heapprof::cli {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kTwo[] = "--allocators glibc,heapprof ";

class BenchVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / absl::StrCat("heapprof-bench-verb.", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Done run(const std::string& arguments, const std::string& before = "") const {
    return runIn(folder_, absl::StrCat(before, HEAPPROF_CLI, " bench ", arguments));
  }
  void expectRefused(const std::string& arguments, const std::string& part) const {
    SCOPED_TRACE(arguments);
    expectRefusal(run(arguments), part);
  }
  std::filesystem::path folder_;
};

TEST_F(BenchVerb, RunsEachInstalledAllocatorOnceARoundInChangingOrder) {
  const Done done = run("-n 3 --format json -- /bin/true");
  ASSERT_EQ(done.status, 0) << done.err;
  const json all = json::parse(done.out);
  EXPECT_EQ(all["facts"]["rounds"], 3);
  std::vector<std::string> names;
  for (const json& row : all["tables"]["medians"]["rows"]) {
    names.push_back(row["allocator"]);
    EXPECT_EQ(row["runs"], 3) << row;
    EXPECT_EQ(row["library"] == "", row["allocator"] == "glibc") << row;
    for (const char* figure : {"wall_time", "peak_rss", "minor_faults"}) EXPECT_GT(row[figure], 0) << row;
  }
  ASSERT_GE(names.size(), 2u);
  EXPECT_EQ(names.front(), "glibc");
  EXPECT_EQ(names.back(), "heapprof");
  std::map<int, std::vector<std::string>> orders;
  for (const json& row : all["tables"]["runs"]["rows"]) orders[row["round"]].push_back(row["allocator"]);
  EXPECT_EQ(orders.size(), 3u);
  std::set<std::vector<std::string>> different;
  for (const auto& [round, order] : orders) {
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()),
              std::set<std::string>(names.begin(), names.end()));
    different.insert(order);
  }
  if (names.size() > 2) {
    EXPECT_EQ(different.size(), 3u);
  }
}

TEST_F(BenchVerb, AnAllocatorThatIsTwiceInItIsNotDifferentInWhatIsExact) {
  const Done done =
      run(absl::StrCat("-n 5 --allocators heapprof,twin --base heapprof --with twin=", HEAPPROF_LIBRARY,
                       " --format json -- /bin/true"));
  ASSERT_EQ(done.status, 0) << done.err;
  for (const json& row : json::parse(done.out)["tables"]["verdicts"]["rows"]) {
    EXPECT_EQ(row["allocator"], "twin");
    if (row["figure"] == "minor_faults") {
      EXPECT_NEAR(row["ratio"], 1, 0.05);
    }
  }
}

TEST_F(BenchVerb, OneUnderWhichTheCommandFailsIsLeftOutAndSaid) {
  const std::string exits = "sh -c 'case $LD_PRELOAD in *libheapprof*) exit 3;; esac'";
  const Done left = run(absl::StrCat(kTwo, "-n 1 -- ", exits));
  EXPECT_EQ(left.status, 0) << left.err;
  EXPECT_THAT(left.err, HasSubstr("heapprof has no verdict: the command ended with exit status 3 in the "));
  EXPECT_THAT(left.out, testing::ContainsRegex("  heapprof +failed\n"));
  EXPECT_THAT(run(absl::StrCat(kTwo, "-n 1 --any-exit -- ", exits)).err, Not(HasSubstr("no verdict")));
  const Done killed = run(absl::StrCat(
      kTwo, "-n 1 --any-exit -- sh -c 'case $LD_PRELOAD in *libheapprof*) kill -SEGV $$; esac'"));
  EXPECT_THAT(killed.err, HasSubstr("no verdict: the command was killed by signal 11 (Segmentation fault)"));
  expectRefused(absl::StrCat(kTwo, "-- sh -c 'exit 7'"), "ended with exit status 7 in the warm-up");
}

TEST_F(BenchVerb, OutputIsShownOnlyWhereAskedForAndNeverMixedIntoFigures) {
  const std::string command = absl::StrCat(kTwo, "-n 1 --show-output -- echo said");
  EXPECT_THAT(run(absl::StrCat(kTwo, "-n 1 -- echo said")).out, Not(HasSubstr("said\nsaid")));
  EXPECT_THAT(run(command).out, StartsWith("said\nsaid\nsaid\nsaid\necho said: 1 round, 2 allocators\n"));
}

TEST_F(BenchVerb, TheCommandsPipesBreakAsInAShell) {
  const Done done = run("--allocators glibc -n 1 --show-output -- sh -c 'yes | head -n 1'");
  EXPECT_THAT(done.out, StartsWith("y\ny\n"));
  EXPECT_THAT(done.err, Not(HasSubstr("Broken pipe")));
}

TEST_F(BenchVerb, EveryFormatIsWritten) {
  for (const char* format : {"csv", "tsv", "md", "html"}) {
    const Done done = run(absl::StrCat(kTwo, "-n 1 --format ", format, " -- /bin/true"));
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("heapprof"));
  }
  EXPECT_THAT(run(absl::StrCat(kTwo, "-n 1 --format csv --table verdicts -- true")).out,
              StartsWith("figure,allocator,ratio,ratio_low,ratio_high,verdict\nwall_time,heapprof,"));
}

TEST_F(BenchVerb, AnInterruptShowsTheRoundsThatAreComplete) {
  const Done some = run(absl::StrCat(kTwo, "-n 1000 -- sleep 0.02"), "timeout --preserve-status -s INT 2 ");
  EXPECT_EQ(some.status, 130);
  EXPECT_THAT(some.err, HasSubstr(" of 1000 rounds are complete, and only they count"));
  EXPECT_THAT(some.out, StartsWith("sleep 0.02: "));
  const Done none = run("-- sleep 100", "timeout --preserve-status -s INT 0.3 ");
  EXPECT_EQ(none.status, 130);
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "heapprof: interrupted before a round was complete: there is nothing to show\n");
}

TEST_F(BenchVerb, WhatCannotBeRunOrComparedIsOneLine) {
  expectRefused("", "no command");
  expectRefused("--", "no command");
  expectRefused("--nonsense -- true", "no option --nonsense");
  expectRefused("-- no-such-command", "no-such-command: command not found");
  expectRefused("-- /etc/passwd", "not executable");
  expectRefused("-- /etc", "is a folder");
  expectRefused("-n 0 -- true", "--rounds");
  expectRefused("-n many -- true", "--rounds");
  expectRefused("--with jemalloc -- true", "is not NAME=LIB");
  expectRefused("--with j=/none.so -- true", "/none.so");
  expectRefused("--with j=/etc/passwd -- true", "not an ELF file");
  expectRefused("--base j -- true", "is none of the allocators");
  expectRefused("--allocators glibc,j -- true", "j is none that is known; there are glibc, ");
  expectRefused("--input /none -- true", "/none");
}

}  // namespace
}  // namespace heapprof::cli
