// Verdicts on measurements whose answer is known, and the interval's chance against a count of all outcomes.
#include "profiler/analysis/bench.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace heapprof::analysis {
namespace {

using testing::HasSubstr;

// Each allocator's wall times by round; 0 is the base.
BenchRuns wallTimes(const std::vector<std::vector<double>>& times) {
  BenchRuns runs;
  for (std::size_t i = 0; i < times.size(); ++i) {
    runs.allocators.push_back(i == 0 ? "glibc" : "other" + std::to_string(i));
    for (std::size_t round = 0; round < times[i].size(); ++round) {
      BenchRun run;
      run.allocator = i;
      run.round = round + 1;
      run.place = i + 1;
      run.figures[kWallTime] = times[i][round];
      runs.runs.push_back(run);
    }
  }
  return runs;
}

struct Row {
  double ratio = -1, low = -1, high = -1;
  std::string verdict;
};

Row rowOf(const BenchResult& result, const std::string& figure, const std::string& allocator) {
  for (std::size_t i = 0; i < result.verdicts.rows(); ++i) {
    if (result.verdicts.find("figure")->texts[i] != figure) continue;
    if (result.verdicts.find("allocator")->texts[i] != allocator) continue;
    Row row;
    row.verdict = result.verdicts.find("verdict")->texts[i];
    const model::Column& ratio = *result.verdicts.find("ratio");
    if (ratio.isKnown(i)) {
      row = {ratio.values[i], result.verdicts.find("ratio_low")->values[i],
             result.verdicts.find("ratio_high")->values[i], row.verdict};
    }
    return row;
  }
  return {};
}

TEST(MedianInterval, HasTheChanceThatCountingAllOutcomesGives) {
  for (std::size_t n = 1; n <= 16; ++n) {
    const MedianInterval interval = medianInterval(n);
    // Each value is below or above the median with even odds: all 2^n ways, each as likely.
    std::size_t holds = 0;
    for (std::size_t way = 0; way < std::size_t{1} << n; ++way) {
      std::size_t below = 0;
      for (std::size_t i = 0; i < n; ++i) below += way >> i & 1;
      holds += below > interval.low && below <= interval.high;
    }
    EXPECT_NEAR(interval.chance, static_cast<double>(holds) / static_cast<double>(std::size_t{1} << n), 1e-12)
        << n;
    if (n >= 5) {
      EXPECT_GE(interval.chance, 0.9) << n;
      const std::size_t narrower = interval.low + 1;
      double outside = 0;  // one step further in, it would be too little
      for (std::size_t way = 0; way < std::size_t{1} << n; ++way) {
        outside += static_cast<std::size_t>(__builtin_popcountll(way)) <= narrower;
      }
      EXPECT_LT(1 - 2 * outside / static_cast<double>(std::size_t{1} << n), 0.9) << n;
    }
  }
}

TEST(Bench, ComparesEachRunWithTheBasesOfItsOwnRound) {
  // The machine slows down from round to round, by more than the allocators differ.
  const BenchResult result =
      bench(wallTimes({{100, 200, 300, 400, 500, 600, 700}, {90, 180, 270, 360, 450, 540, 630}}));
  const Row row = rowOf(result, "wall_time", "other1");
  EXPECT_EQ(row.verdict, "faster by 10%");
  EXPECT_DOUBLE_EQ(row.ratio, 0.9);
  EXPECT_DOUBLE_EQ(row.low, 0.9);
  EXPECT_DOUBLE_EQ(row.high, 0.9);
  EXPECT_EQ(result.medians.find("wall_time")->values[0], 400);
  EXPECT_EQ(result.rounds, 7u);
}

TEST(Bench, CallsNoiseWhatGoesBothWays) {
  const BenchResult result = bench(wallTimes({{100, 100, 100, 100, 100}, {99, 98, 97, 96, 101}}));
  const Row row = rowOf(result, "wall_time", "other1");
  EXPECT_EQ(row.verdict, "no difference beyond noise");
  EXPECT_DOUBLE_EQ(row.ratio, 0.98);
  EXPECT_DOUBLE_EQ(row.low, 0.96);
  EXPECT_DOUBLE_EQ(row.high, 1.01);
}

TEST(Bench, OneOutlierOfNineDoesNotHideADifference) {
  const BenchResult result = bench(wallTimes(
      {{100, 100, 100, 100, 100, 100, 100, 100, 100}, {120, 121, 122, 123, 124, 125, 126, 127, 60}}));
  EXPECT_EQ(rowOf(result, "wall_time", "other1").verdict, "slower by 23%");
}

TEST(Bench, FindsADifferenceInNoiseAsOftenAsItsChanceSays) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> noise(0, 0.05);  // the same for both: any difference is a false one
  std::size_t wrong = 0;
  constexpr std::size_t kTrials = 2000;
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    std::vector<std::vector<double>> times(2, std::vector<double>(7));
    for (std::vector<double>& each : times) {
      for (double& time : each) time = noise(random);
    }
    wrong += rowOf(bench(wallTimes(times)), "wall_time", "other1").verdict != "no difference beyond noise";
  }
  const double share = static_cast<double>(wrong) / kTrials;  // 2/2^7 is 1.6%, three errors of it 0.8%
  EXPECT_NEAR(share, 1 - medianInterval(7).chance, 0.009);
}

TEST(Bench, FewRoundsGiveRatiosButNoVerdict) {
  const Row row = rowOf(bench(wallTimes({{100, 100, 100}, {50, 50, 50}})), "wall_time", "other1");
  EXPECT_EQ(row.verdict, "too few rounds to tell");
  EXPECT_DOUBLE_EQ(row.ratio, 0.5);
}

TEST(Bench, WhatTheBaseHasNoneOfHasNoRatioButAVerdict) {
  BenchRuns runs = wallTimes({{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}});
  for (BenchRun& run : runs.runs) {
    run.figures[kHugePages] = run.allocator == 1 ? 2 << 20 : 0;
    run.figures[kEndRss] = 5000;
  }
  const BenchResult result = bench(runs);
  EXPECT_EQ(rowOf(result, "huge_bytes", "other1").verdict, "more");
  EXPECT_EQ(rowOf(result, "huge_bytes", "other1").ratio, -1);
  EXPECT_EQ(rowOf(result, "huge_bytes", "other2").verdict, "the same");
  EXPECT_EQ(rowOf(result, "end_rss", "other1").verdict, "the same");
  EXPECT_EQ(rowOf(result, "major_faults", "other1").verdict, "not measured");
}

TEST(Bench, OneThatFailedIsInNoMedianAndHasNoVerdict) {
  BenchRuns runs = wallTimes({{100, 100, 100, 100, 100}, {90, 90}, {80, 80, 80, 80, 80}});
  runs.failed = {false, true, false};
  const BenchResult result = bench(runs);
  EXPECT_FALSE(result.medians.find("wall_time")->isKnown(1));
  EXPECT_EQ(result.medians.find("runs")->values[1], 0);
  EXPECT_EQ(rowOf(result, "wall_time", "other1").verdict, "");
  EXPECT_EQ(rowOf(result, "wall_time", "other2").verdict, "faster by 20%");
  EXPECT_EQ(result.runs.rows(), 12u);
}

TEST(Bench, ARunThatABreakLeftOutIsComparedWithNothing) {
  const BenchResult result =
      bench(wallTimes({{100, 100, 100, 100, 100, 100}, {300, 90, 90, 90, 90}}));  // of round 6 only the base
  EXPECT_EQ(rowOf(result, "wall_time", "other1").verdict, "no difference beyond noise");
  EXPECT_DOUBLE_EQ(rowOf(result, "wall_time", "other1").high, 3);
}

}  // namespace
}  // namespace heapprof::analysis
