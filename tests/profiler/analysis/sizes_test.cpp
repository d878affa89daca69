// Size classes that fit, against every choice there is; what sizes and cost say of a heap that is known.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/class_fit.h"
#include "tests/profiler/support/laid_heap.h"

namespace heapprof::analysis {
namespace {

// The slow oracle: every subset of sizes that has the largest.
double bestByTrying(const std::vector<SizeBin>& bins, std::size_t classes) {
  double best = std::numeric_limits<double>::infinity();
  for (std::uint32_t mask = 0; mask < 1u << (bins.size() - 1); ++mask) {
    std::vector<std::uint64_t> chosen;
    for (std::size_t i = 0; i + 1 < bins.size(); ++i) {
      if ((mask >> i & 1) != 0) chosen.push_back(bins[i].size);
    }
    chosen.push_back(bins.back().size);
    if (chosen.size() <= classes) best = std::min(best, slotBytes(bins, chosen));
  }
  return best;
}

TEST(ClassFit, IsAsGoodAsTheBestOfAllChoices) {
  std::mt19937_64 random(3);
  for (int run = 0; run < 200; ++run) {
    std::vector<SizeBin> bins;
    std::uint64_t size = 0;
    const std::size_t count = 1 + random() % 11;
    for (std::size_t i = 0; i < count; ++i) {
      size += kSizeAlign * (1 + random() % 8);
      bins.push_back({size, static_cast<double>(1 + random() % 1000)});
    }
    for (std::size_t classes = 1; classes <= count; ++classes) {
      const std::vector<std::uint64_t> fitted = fitClasses(bins, classes);
      ASSERT_LE(fitted.size(), classes);
      ASSERT_EQ(fitted.back(), bins.back().size);
      ASSERT_TRUE(std::is_sorted(fitted.begin(), fitted.end()));
      ASSERT_DOUBLE_EQ(slotBytes(bins, fitted), bestByTrying(bins, classes))
          << "run " << run << ", " << classes;
    }
  }
}

TEST(ClassFit, OfTenThousandSizesIsQuick) {
  std::vector<SizeBin> bins;
  for (std::uint64_t i = 1; i <= 10000; ++i) bins.push_back({i * kSizeAlign, static_cast<double>(i % 97)});
  EXPECT_EQ(fitClasses(bins, 80).size(), 80u);
}

TEST(Sizes, ProposesTheSizeThatIsAskedForAndSaysWhatItSaves) {
  test::LaidHeap heap;
  heap.requested = 200;  // fits 208, gets 256
  heap.slabs.assign(100, {std::vector<std::string>(50, "ask")});
  model::Query query;
  query.snapshot = heap.dump(8192, 5).make();
  const absl::StatusOr<SizesResult> result = sizes(query);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->used, testing::ElementsAre(256));
  EXPECT_THAT(result->proposed, testing::ElementsAre(208));
  const double truth = 100 * 50 * (256 - 208);
  EXPECT_NEAR(result->saved, truth, 4 * result->savedError);
  EXPECT_GT(result->savedError, 0.02 * truth);
  EXPECT_NEAR(result->savedHeldOut, result->saved, 1) << "one size: both halves propose the same";
  ASSERT_EQ(result->misfits.rows(), 1u);
  EXPECT_EQ(result->misfits.find("owner")->texts[0], "ask");
  EXPECT_NEAR(result->misfits.find("slack")->values[0], 100 * 50 * 56.0,
              4 * result->misfits.find("slack")->standardError[0]);
}

TEST(Sizes, WithoutSamplesSaysWhatIsMissing) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  EXPECT_EQ(sizes(query).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Cost, ReadsPricesAsPeopleWriteThem) {
  const double gib = 1073741824.0;
  EXPECT_DOUBLE_EQ(parsePrice("4.2/GiB-month")->perByteMonth * gib, 4.2);
  EXPECT_DOUBLE_EQ(parsePrice("$0.01/GB-hour")->perByteMonth * 1e9, 0.01 * 730.5);
  EXPECT_EQ(parsePrice("$0.01/GB-hour")->currency, "$");
  EXPECT_DOUBLE_EQ(parsePrice("120/TiB-year")->perByteMonth * 1024 * gib, 10);
  for (const char* wrong :
       {"4.2", "4.2/GiB", "4.2-month", "x/GiB-month", "-4/GiB-month", "4/GiB-week", "0/GiB-month"}) {
    EXPECT_FALSE(parsePrice(wrong).ok()) << wrong;
  }
}

TEST(Cost, IsBytesTimesPriceTimesReplicasWithItsRange) {
  test::LaidHeap heap;
  heap.slabs.assign(64, {std::vector<std::string>(64, "hold")});  // 2 MiB, half of it live
  model::Query query;
  test::SnapshotMaker maker = heap.dump(4096, 5);
  maker.heap().mutable_totals()->set_peak_rss_bytes(4 << 20);
  query.snapshot = maker.make();
  const absl::StatusOr<CostResult> result = cost(query, *parsePrice("1/MiB-month"), 10);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->month, 20);
  EXPECT_DOUBLE_EQ(result->peakMonth, 40);
  double sum = 0;
  for (double month : result->lines.find("month")->values) sum += month;
  EXPECT_NEAR(sum, result->month, 1e-9) << "lines sum to the whole";
  EXPECT_EQ(result->owners.find("owner")->texts[0], "hold");
  const double low = result->owners.find("low")->values[0], high = result->owners.find("high")->values[0];
  EXPECT_LT(low, 10);
  EXPECT_GT(high, 10);
  EXPECT_NEAR(high - low, 4 * result->owners.find("bytes")->standardError[0] * 10 / 1048576, 1e-6);
}

}  // namespace
}  // namespace heapprof::analysis
