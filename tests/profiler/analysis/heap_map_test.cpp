// The map and the join of samples with pages, against sums over each byte range by hand.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/unit_samples.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

constexpr std::uint64_t kRegion = 0x100000000000, kUnit = 2u << 20, kGranule = 32u << 10;

void addUnit(SnapshotMaker& maker, std::uint64_t index, std::uint64_t used, std::uint64_t live) {
  heapprof::HugePages& pages = *maker.heap().mutable_huge_pages();
  pages.add_index_delta(index);
  pages.add_used_granules(used);
  pages.add_kernel_state(heapprof::KERNEL_SMALL);
  pages.add_live_bytes(live);
}

void addLive(SnapshotMaker& maker, std::uint64_t address, std::uint64_t bytes, std::uint64_t stack,
             std::uint64_t interval) {
  heapprof::LiveSamples& samples = *maker.heap().mutable_samples();
  samples.add_address(address);
  samples.add_allocated_bytes(bytes);
  samples.add_requested_bytes(bytes);
  samples.add_stack(stack);
  samples.add_interval_bytes(interval);
}

// Two stacks: `small` has objects in units 0 and 1, `large` one object across units 1 to 3.
SnapshotMaker twoStacks(std::uint64_t interval = 1 << 16) {
  SnapshotMaker maker;
  heapprof::Geometry& geometry = *maker.heap().mutable_header()->mutable_geometry();
  geometry.set_page_bytes(4096);
  geometry.set_granule_bytes(kGranule);
  geometry.set_placement_bytes(kUnit);
  geometry.set_region_start(kRegion);
  maker.sample(maker.stack({"small", "main"}), {3, 3 * 1024});
  maker.stacksRow(1, 1, 1024);
  maker.sample(maker.stack({"large", "main"}), {1, 2 * kUnit});
  maker.stacksRow(1, 1, 2 * kUnit);
  addUnit(maker, 0, 0xff, kUnit / 8);
  addUnit(maker, 1, ~std::uint64_t{0}, kUnit / 2);
  addUnit(maker, 2, ~std::uint64_t{0}, kUnit);
  addUnit(maker, 3, 0, 0);
  addLive(maker, kRegion + 64, 1024, 1, interval);
  addLive(maker, kRegion + 4096, 1024, 1, interval);
  addLive(maker, kRegion + kUnit + 128, 1024, 1, interval);
  addLive(maker, kRegion + kUnit + kUnit / 2, 2 * kUnit, 2, interval);
  return maker;
}

TEST(HeapMap, FractionsAreOfTheUnit) {
  const HeapMap map = *heapMap(queryOf(twoStacks()));
  EXPECT_THAT(map.index, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(map.usedFraction, testing::ElementsAre(8 / 64.0f, 1, 1, 0));
  EXPECT_THAT(map.liveFraction, testing::ElementsAre(0.125f, 0.5f, 1, 0));
  for (const float resident : map.residentFraction)
    EXPECT_TRUE(std::isnan(resident)) << "not taken: unknown, not 0";
}

TEST(HeapMap, AFilterCountsTheLiveBytesOfItsStacksOnly) {
  model::Query query = queryOf(twoStacks());
  query.filters.focus = "large";
  const HeapMap map = *heapMap(query);
  const double p = 1 - std::exp(-2.0 * kUnit / 65536);
  EXPECT_THAT(map.liveFraction,
              testing::ElementsAre(0, testing::FloatNear(static_cast<float>(0.5 / p), 1e-5f),
                                   testing::FloatNear(static_cast<float>(1 / p), 1e-5f),
                                   testing::FloatNear(static_cast<float>(0.5 / p), 1e-5f)));
}

TEST(HeapMap, AFilterWithoutSampledObjectsKnowsNothing) {
  SnapshotMaker maker = twoStacks();
  maker.heap().clear_samples();
  model::Query query = queryOf(maker);
  query.filters.focus = "large";
  const HeapMap map = *heapMap(query);
  for (const float live : map.liveFraction) EXPECT_TRUE(std::isnan(live));
}

TEST(HeapMap, ChangeIsAgainstTheSameAddress) {
  SnapshotMaker now = twoStacks(), base = twoStacks();
  now.heap().mutable_huge_pages()->set_live_bytes(2, kUnit / 4);
  base.heap().mutable_huge_pages()->set_index_delta(3, 9);
  model::Query query = queryOf(now);
  query.baseline = base.make();
  query.baselineMode = model::BaselineMode::kBase;
  EXPECT_THAT(heapMap(query)->changeFraction, testing::ElementsAre(0, 0, -0.75f, 0));
}

TEST(HeapMap, OfStacksAloneSaysHowToRecordOne) {
  EXPECT_EQ(heapMap(queryOf(SnapshotMaker())).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(UnitSamples, ALargeObjectIsSharedByItsBytesAndCountedWhereItBegins) {
  const auto snapshot = twoStacks().make();
  const double p = 1 - std::exp(-2.0 * kUnit / 65536);
  double bytes = 0, objects = 0;
  for (std::uint64_t unit = 0; unit < 4; ++unit) {
    for (const SamplePart& part : samplesWithin(*snapshot, kRegion + unit * kUnit, kUnit)) {
      if (part.row != 3) continue;
      bytes += part.bytes;
      objects += part.objects;
    }
  }
  EXPECT_NEAR(bytes, 2 * kUnit / p, 1);
  EXPECT_NEAR(objects, 1 / p, 1e-9);
}

TEST(UnitSamples, SumsOverUnitsAreTheSumOverSamples) {
  const auto snapshot = twoStacks().make();
  double bySamples = 0, byUnits = 0, variance = 0;
  for (int i = 0; i < 4; ++i) {
    const double size = static_cast<double>(snapshot->heap().samples().allocated_bytes(i));
    const double p = 1 - std::exp(-size / 65536);
    bySamples += size / p;
    if (i < 2) variance += (1 - p) / (p * p) * size * size;
  }
  for (std::uint64_t unit = 0; unit < 4; ++unit) {
    for (const SamplePart& part : samplesWithin(*snapshot, kRegion + unit * kUnit, kUnit))
      byUnits += part.bytes;
  }
  EXPECT_NEAR(byUnits, bySamples, 1);
  double inFirst = 0;
  for (const SamplePart& part : samplesWithin(*snapshot, kRegion, kUnit)) inFirst += part.variance;
  EXPECT_NEAR(inFirst, variance, 1e-3);
}

TEST(UnitDetail, NamesTheStacksThatHoldAUnitWithTheirShares) {
  absl::StatusOr<UnitDetail> detail = unitDetail(queryOf(twoStacks(1)), 1);  // interval 1: exact
  ASSERT_TRUE(detail.ok()) << detail.status();
  EXPECT_EQ(detail->start, kRegion + kUnit);
  const model::Table& stacks = detail->stacks;
  ASSERT_EQ(stacks.rows(), 2u);
  EXPECT_EQ(stacks.find("name")->texts[0], "large");
  EXPECT_EQ(stacks.find("bytes")->values[0], kUnit / 2.0);
  EXPECT_EQ(stacks.find("name")->texts[1], "small");
  EXPECT_EQ(stacks.find("bytes")->values[1], 1024);
  EXPECT_NEAR(stacks.find("share")->values[0] + stacks.find("share")->values[1], 1, 1e-12);
}

TEST(UnitDetail, NamesAnOwnerOnceHoweverManyStacksEndInIt) {
  SnapshotMaker maker = twoStacks(1);
  maker.sample(maker.stack({"small", "other", "main"}), {1, 4096});
  maker.stacksRow(1, 1, 4096);
  addLive(maker, kRegion + 8192, 4096, 3, 1);
  absl::StatusOr<UnitDetail> detail = unitDetail(queryOf(maker), 0);
  ASSERT_TRUE(detail.ok()) << detail.status();
  ASSERT_EQ(detail->stacks.rows(), 2u);
  const model::Table& owners = detail->owners;
  ASSERT_EQ(owners.rows(), 1u);
  EXPECT_EQ(owners.find("name")->texts[0], "small");
  EXPECT_EQ(owners.find("bytes")->values[0], 1024 + 1024 + 4096);
  EXPECT_EQ(owners.find("objects")->values[0], 3);
  EXPECT_EQ(owners.find("stacks")->values[0], 2);
  EXPECT_EQ(owners.find("help")->texts[0], "small\nother\nmain\n\nsmall\nmain");
}

}  // namespace
}  // namespace heapprof::analysis
