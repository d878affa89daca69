// The estimate of requested bytes and its standard error, against populations whose truth is known.
#include "runtime/introspect/requested_estimate.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "runtime/base/random.h"

namespace heapprof::introspect {
namespace {

constexpr double kSize = 112;     // the class
constexpr double kSmallest = 97;  // the next smaller class is 96

struct Outcome {
  double meanError = 0;     // mean of (estimate - truth)
  double spread = 0;        // its standard deviation over the runs
  double meanVariance = 0;  // what the estimator itself says
};

// Draws each object with probability p, many times over one population.
Outcome simulate(const std::vector<double>& requests, std::uint64_t interval, int runs) {
  double truth = 0;
  for (const double q : requests) truth += q;
  const sampling::Weight weight = sampling::weightOf(static_cast<std::uint64_t>(kSize), interval);
  base::Random random(interval);
  Outcome out;
  double squares = 0;
  for (int run = 0; run < runs; ++run) {
    RequestSums sums;
    for (const double q : requests) {
      if (random.unit() <= 1 / weight.objects) addSample(&sums, weight, kSize, q);
    }
    const auto objects = static_cast<double>(requests.size());
    const Estimate estimate = estimateRequested(sums, objects, objects * kSize, kSmallest);
    out.meanError += (estimate.value - truth) / runs;
    squares += (estimate.value - truth) * (estimate.value - truth) / runs;
    out.meanVariance += estimate.variance / runs;
  }
  out.spread = std::sqrt(squares - out.meanError * out.meanError);
  return out;
}

std::vector<double> population(std::size_t count) {
  base::Random random(3);
  std::vector<double> requests(count);
  for (double& q : requests) q = 97 + static_cast<double>(random.next() % 3 == 0 ? random.next() % 16 : 3);
  return requests;
}

TEST(RequestedEstimate, IsUnbiasedAndKnowsItsOwnError) {
  for (const std::uint64_t interval : {1024u, 8192u, 32768u}) {
    const int runs = 600;
    const Outcome out = simulate(population(20000), interval, runs);
    EXPECT_LT(std::abs(out.meanError), 4 * out.spread / std::sqrt(runs)) << interval;
    EXPECT_NEAR(std::sqrt(out.meanVariance), out.spread, 0.25 * out.spread) << interval;
  }
}

TEST(RequestedEstimate, IsExactWhenEveryObjectIsSampled) {
  const auto requests = population(500);
  const Outcome out = simulate(requests, 1, 1);
  EXPECT_NEAR(out.meanError, 0, 1e-6);
  EXPECT_EQ(out.meanVariance, 0);
}

TEST(RequestedEstimate, WithoutSamplesIsTheMiddleOfTheClassWithItsSpread) {
  const Estimate estimate = estimateRequested(RequestSums{}, 100, 100 * kSize, kSmallest);
  EXPECT_DOUBLE_EQ(estimate.value, 100 * (kSmallest + kSize) / 2);
  EXPECT_NEAR(std::sqrt(estimate.variance), 100 * (kSize - kSmallest) / std::sqrt(12), 1e-6);
}

TEST(RequestedEstimate, OneSampleIsNotTrustedBlindly) {
  RequestSums sums;
  addSample(&sums, sampling::weightOf(112, 1 << 20), kSize, 100);
  const double objects = sums.weight;
  const Estimate estimate = estimateRequested(sums, objects, objects * kSize, kSmallest);
  EXPECT_NEAR(estimate.value, objects * 100, 1e-6 * objects);
  const double prior = objects * (kSize - kSmallest) / std::sqrt(12);
  EXPECT_GT(std::sqrt(estimate.variance), 0.9 * prior);
  EXPECT_LT(std::sqrt(estimate.variance), 1.1 * prior);
}

// Objects from before sampling began: no sample can stand for them.
TEST(RequestedEstimate, ObjectsNobodySampledWidenTheError) {
  RequestSums sums;
  for (int i = 0; i < 100; ++i) addSample(&sums, sampling::weightOf(112, 1), kSize, 100);
  EXPECT_EQ(estimateRequested(sums, 100, 100 * kSize, kSmallest).variance, 0);
  const Estimate estimate = estimateRequested(sums, 300, 300 * kSize, kSmallest);
  EXPECT_NEAR(std::sqrt(estimate.variance), 200 * (kSize - kSmallest) / std::sqrt(12), 1e-6);
}

TEST(RequestedEstimate, NothingLiveIsNothing) {
  EXPECT_EQ(estimateRequested(RequestSums{}, 0, 0, 1).value, 0);
}

TEST(SquareRoot, AgreesWithLibm) {
  base::Random random(1);
  for (int i = 0; i < 10000; ++i) {
    const double x = std::exp(static_cast<double>(random.next() % 2000) / 10.0 - 100) * random.unit();
    ASSERT_NEAR(squareRoot(x) / std::sqrt(x), 1, 1e-12) << x;
  }
  EXPECT_EQ(squareRoot(0), 0);
  EXPECT_EQ(squareRoot(-1), 0);
}

}  // namespace
}  // namespace heapprof::introspect
