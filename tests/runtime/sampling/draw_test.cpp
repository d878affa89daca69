// The draws against the exact law, the arithmetic against libm.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "runtime/sampling/law.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::sampling {
namespace {

constexpr std::uint64_t kIntervals[] = {4096, 65536, 524288, 2097152};

TEST(Law, LogarithmAgreesWithLibm) {
  base::Random random(1);
  double worst = 0;
  for (int i = 0; i < 2'000'000; ++i) {
    double x = random.unit();
    if (i % 3 == 0) x = 1 - x * 1e-6;
    if (i % 3 == 1) x = std::ldexp(x, -static_cast<int>(random.next() % 52));
    if (x <= 0) continue;
    const double exact = std::log(x);
    if (exact == 0) {
      ASSERT_EQ(naturalLog(x), 0);
      continue;
    }
    worst = std::max(worst, std::abs(naturalLog(x) / exact - 1));
  }
  EXPECT_LT(worst, 4e-16);
  EXPECT_EQ(naturalLog(1), 0);
  EXPECT_EQ(naturalLog(0x1p-53), std::log(0x1p-53));
}

TEST(Law, OneMinusExpAgreesWithLibm) {
  base::Random random(2);
  double worst = 0;
  for (int i = 0; i < 2'000'000; ++i) {
    const double x = std::ldexp(random.unit(), static_cast<int>(random.next() % 60) - 54);
    worst = std::max(worst, std::abs(oneMinusExp(x) / -std::expm1(-x) - 1));
  }
  EXPECT_LT(worst, 6e-16);
  EXPECT_EQ(oneMinusExp(0), 0);
  EXPECT_EQ(oneMinusExp(1000), 1);
}

TEST(Law, ProbabilityIsOneWhereItMustBe) {
  for (std::uint64_t size : {std::uint64_t{8}, std::uint64_t{64} << 20})
    EXPECT_EQ(sampleProbability(size, 1), 1);
  EXPECT_EQ(sampleProbability(std::uint64_t{64} << 20, 4096), 1);
  EXPECT_EQ(sampleProbability(8, 0), 0);
  const Weight certain = weightOf(std::uint64_t{64} << 20, 524288);
  EXPECT_EQ(certain.objects, 1);
  EXPECT_EQ(certain.variance, 0);
  EXPECT_EQ(weightOf(8, 1).objects, 1);
  EXPECT_EQ(weightOf(8, 0).objects, 0);
}

TEST(Draw, OffNeverSamplesAndOneSamplesAll) {
  base::Random random(3);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(objectsUntilSample(random, 64, 0), kNever);
    EXPECT_FALSE(drawLarge(random, 64 << 20, 0));
    EXPECT_EQ(objectsUntilSample(random, 8, 1), 0u);
    EXPECT_TRUE(drawLarge(random, 8, 1));
    EXPECT_EQ(objectsUntilSample(random, std::size_t{64} << 20, 4096), 0u);
    EXPECT_TRUE(drawLarge(random, std::size_t{64} << 20, 4096));
  }
}

// A chi-square statistic in standard deviations: its cube root is nearly normal (Wilson and Hilferty, 1931).
double deviations(double statistic, double freedom) {
  const double spread = 2 / (9 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - spread)) / std::sqrt(spread);
}

// Pearson's statistic over up to 32 bins of nearly equal probability under the geometric law.
void expectGeometric(std::uint64_t size, std::uint64_t interval, int draws) {
  SCOPED_TRACE(testing::Message() << "size " << size << " interval " << interval);
  const double rate = static_cast<double>(size) / static_cast<double>(interval);
  std::vector<std::uint64_t> edges = {0};  // bin i holds [edges[i], edges[i+1]), the last one the rest
  for (int i = 1; i < 32; ++i) {
    const auto edge = static_cast<std::uint64_t>(std::ceil(-std::log1p(-i / 32.0) / rate));
    if (edge > edges.back() && std::exp(-rate * static_cast<double>(edge)) * draws > 20)
      edges.push_back(edge);
  }
  base::Random random(size * 1000003 + interval);
  std::vector<double> seen(edges.size());
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const std::uint64_t value = objectsUntilSample(random, size, interval);
    ASSERT_LT(value, std::uint64_t{1} << 43);
    sum += static_cast<double>(value);
    const auto bin = std::upper_bound(edges.begin(), edges.end(), value) - edges.begin() - 1;
    ++seen[static_cast<std::size_t>(bin)];
  }
  double statistic = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const double from = std::exp(-rate * static_cast<double>(edges[i]));
    const double to = i + 1 < edges.size() ? std::exp(-rate * static_cast<double>(edges[i + 1])) : 0;
    const double expected = (from - to) * draws;
    statistic += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  const double freedom = static_cast<double>(edges.size()) - 1;
  if (freedom > 0) {
    EXPECT_LT(deviations(statistic, freedom), 4);
  }

  const double p = -std::expm1(-rate);
  const double mean = (1 - p) / p;
  const double standardError = std::sqrt((1 - p) / (p * p) / draws);
  EXPECT_NEAR(sum / draws, mean, 4 * standardError + 1e-12);
}

TEST(Draw, ObjectsUntilSampleAreGeometric) {
  for (std::uint64_t interval : kIntervals) {
    for (std::uint64_t size = 8; size <= std::uint64_t{64} << 20; size *= 4)
      expectGeometric(size, interval, 100'000);
  }
}

// At an interval of a terabyte the gaps between 8-byte samples do not fit 32 bits; they keep their law.
TEST(Draw, GapsBeyondFourBillionObjectsAreGeometric) {
  for (std::uint64_t size : {8, 64, 4096}) {
    for (int log2 : {30, 32, 34, 35, 36, 38, 40}) {
      expectGeometric(size, std::uint64_t{1} << log2, 100'000);
    }
  }
}

TEST(Draw, LargeDrawsHaveTheirProbability) {
  constexpr int kDraws = 200'000;
  for (std::uint64_t interval : kIntervals) {
    for (std::uint64_t size = 8; size <= std::uint64_t{64} << 20; size *= 4) {
      base::Random random(size * 7919 + interval);
      int sampled = 0;
      for (int i = 0; i < kDraws; ++i) sampled += drawLarge(random, size, interval) ? 1 : 0;
      const double p = -std::expm1(-static_cast<double>(size) / static_cast<double>(interval));
      EXPECT_NEAR(static_cast<double>(sampled) / kDraws, p, 4 * std::sqrt(p * (1 - p) / kDraws) + 1e-12)
          << size << " at " << interval;
    }
  }
}

}  // namespace
}  // namespace heapprof::sampling
