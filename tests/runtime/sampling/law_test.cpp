// Sampling is exact in law, end to end: populations of one size from 8 B to 64 MiB, at intervals from 4 KiB
// to 2 MiB, through the real allocator, with frees, reuse and frees by other threads in between; each
// estimate from at least 100 expected samples. Of every block of 200 estimates the mean lies within 4
// standard errors of the truth, the error computed from the truth; the variance over all of a cell's
// estimates lies within 25% of the law's; where the probability is 1 every estimate is exact.
//
// Why the variance is not judged by a single block: that of 200 normal values has a standard error of 10%, so
// a sound sampler leaves the 25% once in about 80 blocks, and a seed could be chosen that shows none. All
// blocks of a cell together have 4.5% (5.8% in the long part), and how many single blocks are outside is held
// against how many theory expects. So is the variance of all cells together, to some 1.5%.
//
// Built twice: the cells that take hundreds of millions of allocations are in the one labelled "long".
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "tests/runtime/sampling/law_harness.h"

namespace heapprof::sampling::tests {
namespace {

#if defined(HEAPPROF_LAW_LONG)
constexpr bool kLong = true;
constexpr int kBlocks = 3;
#else
constexpr bool kLong = false;
constexpr int kBlocks = 5;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMostObjects = 10'000;  // of a quick cell; sanitizers look for other faults than the law's
#else
constexpr double kMostObjects = 55'000;
#endif
constexpr double kExpectedSamples = 100;
constexpr std::uint64_t kMostLiveBytes = std::uint64_t{16} << 30;  // reserved, hardly touched

constexpr std::uint64_t kSizes[] = {8,      24,     100,    512,     1000,    4000,     16384,   50000,
                                    131072, 262144, 300000, 1 << 20, 4 << 20, 16 << 20, 64 << 20};

enum class Regime { kDrawn, kCertain, kSkipped };

struct Cell {
  Population population;
  double probability;
  Regime regime;
};

// Between p = 1 and a p that leaves an object out now and then lie cells in which all estimates hold a
// handful of misses: no variance can be judged by those. They get more objects, so that each estimate expects
// one miss, or are skipped.
Cell cellFor(std::uint64_t size, std::uint64_t interval) {
  const double x = static_cast<double>(allocatedSize(size)) / static_cast<double>(interval);
  const double p = -std::expm1(-x);
  const double miss = std::exp(-x);
  double count = std::ceil(kExpectedSamples / p);
  Regime regime = Regime::kDrawn;
  if (miss * count * 2 * kBlocks * kEstimates < 0.01) {
    regime = Regime::kCertain;
  } else if (miss * count < 1) {
    count = std::ceil(1 / miss);
    if (count * static_cast<double>(size) > static_cast<double>(kMostLiveBytes)) regime = Regime::kSkipped;
  }
  return {{size, interval, static_cast<std::size_t>(count)}, p, regime};
}

bool belongsHere(const Cell& cell) {
  if (cell.regime == Regime::kSkipped) return false;
  return (static_cast<double>(cell.population.count) > kMostObjects) == kLong;
}

// Relative variance of a sample variance of n estimates: 2/(n-1) for normal values, and what the binomial's
// tails add.
double spreadOfVariance(const Cell& cell, double objects, int n) {
  const double pq = cell.probability * (1 - cell.probability);
  const double excess = (1 - 6 * pq) / (objects * pq);
  return 2.0 / (n - 1) + excess / n;
}

// How often a variance ratio of that spread is more than 25% off: that of a chi-square, whose cube root is
// nearly normal (Wilson and Hilferty, 1931).
double chanceOutside(double spread) {
  const double center = 1 - spread / 9;
  const double scale = std::sqrt(2 * spread / 9);
  const double below = std::erfc((center - std::cbrt(0.75)) / scale) / 2;
  const double above = std::erfc((std::cbrt(1.25) - center) / scale) / 2;
  return below + above;
}

// P(at least `seen` of independent events that have these chances).
double chanceOfAtLeast(int seen, const std::vector<double>& chances) {
  std::vector<double> exactly = {1};
  for (double chance : chances) {
    exactly.push_back(0);
    for (std::size_t i = exactly.size() - 1; i > 0; --i) {
      exactly[i] = exactly[i] * (1 - chance) + exactly[i - 1] * chance;
    }
    exactly[0] *= 1 - chance;
  }
  double sum = 0;
  for (auto i = static_cast<std::size_t>(seen); i < exactly.size(); ++i) sum += exactly[i];
  return sum;
}

// One kind of figure, live or cumulative, over all cells: the blocks in it are independent of each other.
class Quantity {
 public:
  explicit Quantity(const char* name) : name_(name) {}

  // `errors`: estimates less truths; `variances`: the law's, both of every round. `objects`: that a round
  // drew.
  void judge(const Cell& cell, const std::vector<double>& errors, const std::vector<double>& variances,
             double objects) {
    double blocksVariance = 0;
    for (std::size_t block = 0; block < kBlocks; ++block) {
      blocksVariance +=
          judgeBlock(cell, &errors[block * kEstimates], &variances[block * kEstimates], objects);
    }
    // Within blocks: a mean that drifts between them is the means' matter, tested above.
    const double ratio = blocksVariance / kBlocks;
    EXPECT_NEAR(ratio, 1, 0.25) << name_ << ": variance of all blocks, against the law's";
    worstCellVariance_ = std::max(worstCellVariance_, std::abs(ratio - 1));
    varianceSum_ += ratio - 1;
    varianceSpread_ += spreadOfVariance(cell, objects, kBlocks * kEstimates);
    ++cells_;
  }

  void conclude() const {
    if (cells_ == 0) return;
    EXPECT_LT(std::abs(varianceSum_), 4 * std::sqrt(varianceSpread_)) << name_ << ": all variances together";
    const double tail = chanceOfAtLeast(outside_, chances_);
    EXPECT_GT(tail, 1e-4) << name_ << ": too many blocks whose variance is more than 25% off";
    double expected = 0;
    for (double chance : chances_) expected += chance;
    std::printf(
        "  %-5s %2d cells, %3zu blocks of %d: worst mean %.2f standard errors; variances: worst block %.1f%% "
        "off, "
        "%d more than 25%% off (expected %.2f, so many or more: p = %.3f), worst cell %.1f%%, all %+.2f%% "
        "(standard error %.2f%%)\n",
        name_, cells_, chances_.size(), kEstimates, worstMean_, worstBlockVariance_ * 100, outside_, expected,
        tail, worstCellVariance_ * 100, varianceSum_ / cells_ * 100,
        std::sqrt(varianceSpread_) / cells_ * 100);
  }

 private:
  // Gives the variance's ratio to the law's.
  double judgeBlock(const Cell& cell, const double* errors, const double* variances, double objects) {
    double sum = 0, variance = 0, squares = 0;
    for (int i = 0; i < kEstimates; ++i) sum += errors[i];
    for (int i = 0; i < kEstimates; ++i) variance += variances[i] / kEstimates;
    const double mean = sum / kEstimates;
    for (int i = 0; i < kEstimates; ++i) squares += std::pow(errors[i] - mean, 2);
    const double deviation = std::abs(mean) / std::sqrt(variance / kEstimates);
    const double ratio = squares / (kEstimates - 1) / variance;
    EXPECT_LT(deviation, 4) << name_ << ": mean of a block, in standard errors";
    worstMean_ = std::max(worstMean_, deviation);
    worstBlockVariance_ = std::max(worstBlockVariance_, std::abs(ratio - 1));
    outside_ += std::abs(ratio - 1) > 0.25 ? 1 : 0;
    chances_.push_back(chanceOutside(spreadOfVariance(cell, objects, kEstimates)));
    return ratio;
  }

  const char* name_;
  double worstMean_ = 0, worstBlockVariance_ = 0, worstCellVariance_ = 0;
  double varianceSum_ = 0, varianceSpread_ = 0;
  int cells_ = 0, outside_ = 0;
  std::vector<double> chances_;  // of each block, to be outside
};

// Where p is 1 to the last bit, estimates are sums of whole numbers; where it is 1 - 1e-7, say, each object
// still counts for 1/p.
void expectExact(const Cell& cell, const Outcome& outcome) {
  const double rounding = cell.probability == 1 ? 0 : 1e-12;
  for (std::size_t i = 0; i < outcome.live.size(); ++i) {
    const double live = outcome.truth[i].liveBytes / cell.probability;
    const double alloc = outcome.truth[i].allocBytes / cell.probability;
    ASSERT_NEAR(outcome.live[i], live, rounding * live);
    ASSERT_NEAR(outcome.alloc[i], alloc, rounding * alloc);
  }
}

void expectLaw(const Cell& cell, const Outcome& outcome, Quantity* live, Quantity* alloc) {
  std::vector<double> liveErrors, allocErrors, liveVariances, allocVariances;
  for (std::size_t i = 0; i < outcome.truth.size(); ++i) {
    const Truth& truth = outcome.truth[i];
    liveErrors.push_back(outcome.live[i] - truth.liveBytes);
    allocErrors.push_back(outcome.alloc[i] - truth.allocBytes);
    liveVariances.push_back(truth.liveVariance);
    allocVariances.push_back(truth.allocVariance);
  }
  const auto count = static_cast<double>(cell.population.count);
  live->judge(cell, liveErrors, liveVariances, count);
  alloc->judge(cell, allocErrors, allocVariances, count * 1.5);
}

class Law : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Law, EstimatesAreUnbiasedWithTheLawsVariance) {
  int exact = 0;
  Quantity live("live"), alloc("alloc");
  for (std::uint64_t size : kSizes) {
    const Cell cell = cellFor(size, GetParam());
    if (!belongsHere(cell)) continue;
    SCOPED_TRACE(::testing::Message() << size << " bytes at interval " << GetParam());
    const Outcome outcome = runRounds(cell.population, kBlocks * kEstimates);
    EXPECT_TRUE(outcome.cleanAfterEachRound) << "a sample outlived its object";
    if (cell.regime == Regime::kCertain) {
      expectExact(cell, outcome);
      ++exact;
    } else {
      expectLaw(cell, outcome, &live, &alloc);
    }
  }
  std::printf("interval %lu: %d cells exact to the last bit\n", static_cast<unsigned long>(GetParam()),
              exact);
  live.conclude();
  alloc.conclude();
}

INSTANTIATE_TEST_SUITE_P(Intervals, Law, ::testing::Values(4096, 65536, 524288, 2097152));

}  // namespace
}  // namespace heapprof::sampling::tests

int main(int argc, char** argv) {
  return heapprof::sampling::tests::lawMain(argc, argv);
}
