// What a person reads of `bench`, to the byte, on measurements that are known.
#include "profiler/report/bench_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapprof::report {
namespace {

analysis::BenchRuns threeAllocators() {
  analysis::BenchRuns runs;
  runs.allocators = {"glibc", "jemalloc", "heapprof"};
  runs.failed = {false, false, false};
  for (std::size_t round = 1; round <= 5; ++round) {
    for (std::size_t i = 0; i < 3; ++i) {
      analysis::BenchRun run;
      run.allocator = i;
      run.round = round;
      run.place = i + 1;
      const double drift = static_cast<double>(round) * 1e7;
      run.figures[analysis::kWallTime] = (i == 2 ? 8e8 : 1e9) + drift + (i == 1 ? drift - 3e7 : 0);
      run.figures[analysis::kPeakRss] = i == 1 ? 30 << 20 : 20 << 20;
      run.figures[analysis::kMajorFaults] = 0;
      runs.runs.push_back(run);
    }
  }
  return runs;
}

TEST(BenchText, AnswersFirstAndThenShowsEachFigure) {
  EXPECT_EQ(benchText({"./service --once", "glibc"}, analysis::bench(threeAllocators())),
            "./service --once: 5 rounds, 3 allocators\n"
            "\n"
            "  against glibc  wall  peak RSS\n"
            "  jemalloc          =      +50%\n"
            "  heapprof       -19%         =\n"
            "  =  no difference beyond noise\n"
            "\n"
            "Wall time   median  ratio    94% interval\n"
            "  glibc      1.03s\n"
            "  jemalloc   1.03s  1.000  0.980 to 1.019  no difference beyond noise\n"
            "  heapprof   830ms  0.806  0.802 to 0.810  faster by 19%\n"
            "\n"
            "Peak RSS    median  ratio    94% interval\n"
            "  glibc       20MB\n"
            "  jemalloc    30MB  1.500  1.500 to 1.500  more by 50%\n"
            "  heapprof    20MB  1.000  1.000 to 1.000  the same\n"
            "\n"
            "None in any run: major faults\n"
            "\n"
            "Not measured: CPU time, RSS at end, huge pages, minor faults\n");
}

TEST(BenchText, FitsATerminalOf80Columns) {
  analysis::BenchRuns runs = threeAllocators();
  for (analysis::BenchRun& run : runs.runs) {
    for (absl::optional<double>& figure : run.figures)
      figure = 123456789012 + static_cast<double>(run.allocator);
  }
  const std::string text = benchText({"./service", "glibc"}, analysis::bench(runs));
  for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
    EXPECT_LE(to - from, 80u) << text.substr(from, to - from);
  }
}

TEST(BenchText, ALongCommandIsCutToOneLine) {
  const std::string script =
      "sh -c for i in 1 2 3\ndo \xc3\xa4\xc3\xa4\xc3\xa4; done; " + std::string(200, 'x');
  const std::string text = benchText({script, "glibc"}, analysis::bench(threeAllocators()));
  EXPECT_THAT(text, testing::StartsWith("sh -c for i in 1 2 3 do \xc3\xa4\xc3\xa4\xc3\xa4; done; xxx"));
  EXPECT_THAT(text, testing::HasSubstr("xx...: 5 rounds, 3 allocators\n"));
  EXPECT_LE(text.find('\n'), 90u);
}

TEST(BenchText, OneThatFailedSaysSoInEveryFigure) {
  analysis::BenchRuns runs = threeAllocators();
  runs.failed[1] = true;
  const std::string text = benchText({"./service", "glibc"}, analysis::bench(runs));
  EXPECT_THAT(text, testing::HasSubstr("  jemalloc  failed\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("  jemalloc       ")));
}

}  // namespace
}  // namespace heapprof::report
