// Waste by stack on a heap that the test lays out itself: the truth is known object by object.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "profiler/analysis/analyses.h"
#include "tests/profiler/support/laid_heap.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::kObject, test::kSlab, test::kSlots, test::kUnit;
using Heap = test::LaidHeap;

struct Truth {
  double pins = 0, comesBack = 0, holds = 0;
};

// The slow oracle: slab by slab, object by object.
std::map<std::string, Truth> truthOf(const Heap& heap) {
  std::map<std::string, Truth> truth;
  for (const Heap::Slab& slab : heap.slabs) {
    const double live = static_cast<double>(slab.objects.size());
    const double free = kSlab - live * kObject;
    const std::set<std::string> owners(slab.objects.begin(), slab.objects.end());
    for (const std::string& who : slab.objects) {
      truth[who].pins += free / live;
      truth[who].holds += kObject;
      if (owners.size() == 1) truth[who].comesBack += kObject + free / live;
    }
  }
  return truth;
}

// "lone" sits alone in nearly empty slabs; "left" and "right" share theirs; "full" leaves nothing free.
Heap mixedHeap(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Heap heap;
  for (int i = 0; i < 300; ++i) heap.slabs.push_back({std::vector<std::string>(8, "lone")});
  for (int i = 0; i < 150; ++i) {
    Heap::Slab slab;
    for (int k = 0; k < 16; ++k) slab.objects.emplace_back(random() % 2 == 0 ? "left" : "right");
    heap.slabs.push_back(slab);
  }
  for (int i = 0; i < 60; ++i) heap.slabs.push_back({std::vector<std::string>(kSlots, "full")});
  return heap;
}

FragResult fragOf(const model::SnapshotPtr& snapshot, const std::string& focus = "") {
  model::Query query;
  query.snapshot = snapshot;
  query.filters.focus = focus;
  absl::StatusOr<FragResult> result = fragmentation(query);
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

int rowOf(const model::Table& table, const std::string& owner) {
  const model::Column& owners = *table.find("owner");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (owners.texts[row] == owner) return static_cast<int>(row);
  }
  return -1;
}

double cell(const model::Table& table, const char* column, int row) {
  return table.find(column)->values[static_cast<std::size_t>(row)];
}
double error(const model::Table& table, const char* column, int row) {
  return table.find(column)->standardError[static_cast<std::size_t>(row)];
}

TEST(Frag, WithEveryAllocationRecordedSharesAreExactAndSayNoError) {
  const Heap heap = mixedHeap(1);
  const FragResult result = fragOf(heap.dump(1, 1).make());
  for (const auto& [who, truth] : truthOf(heap)) {
    SCOPED_TRACE(who);
    const int row = rowOf(result.stacks, who);
    ASSERT_GE(row, 0);
    EXPECT_NEAR(cell(result.stacks, "pins", row), truth.pins, 1);
    EXPECT_NEAR(error(result.stacks, "pins", row), 0, 1e-6);
    EXPECT_NEAR(cell(result.stacks, "holds", row), truth.holds, 1);
    EXPECT_NEAR(cell(result.stacks, "slack", row), truth.holds / kObject * 16, 1);
  }
}

TEST(Frag, AChangeIsWhatEachStackPinsLessWhatItPinned) {
  Heap before = mixedHeap(1), after = mixedHeap(1);
  before.slabs.resize(before.slabs.size() / 2);
  before.slabs.push_back({{"gone", "gone"}});
  after.slabs.push_back({{"new"}});
  const FragResult base = fragOf(before.dump(1, 1).make()), now = fragOf(after.dump(1, 2).make());
  const FragResult both = changed(now, base);
  EXPECT_EQ(*both.baseResident, base.resident);
  EXPECT_EQ(*both.baseLive, base.live);
  const auto pinned = [](const FragResult& of, const std::string& who) {
    const int row = rowOf(of.stacks, who);
    return row < 0 ? 0 : cell(of.stacks, "pins", row);
  };
  double last = std::numeric_limits<double>::infinity();
  std::set<std::string> owners;
  for (std::size_t row = 0; row < both.stacks.rows(); ++row) {
    const std::string& who = both.stacks.find("owner")->texts[row];
    SCOPED_TRACE(who);
    owners.insert(who);
    const double change = both.stacks.find("change")->values[row];
    EXPECT_NEAR(change, pinned(now, who) - pinned(base, who), 1e-6);
    EXPECT_LE(std::fabs(change), last) << "most changed first";
    last = std::fabs(change);
  }
  EXPECT_TRUE(owners.contains("gone") && owners.contains("new") && owners.contains("lone"));
  EXPECT_TRUE(both.stacks.find("pins")->isBlank(static_cast<std::size_t>(rowOf(both.stacks, "gone"))));
  const double free = now.resident - now.live - (base.resident - base.live);
  double levels = 0;
  for (std::size_t row = 0; row < both.levels.rows(); ++row) {
    if (both.levels.find("id")->texts[row] != "internal") levels += both.levels.find("change")->values[row];
  }
  EXPECT_NEAR(levels, free, 1);
}

TEST(Frag, SharesOfSampledStacksLieWithinTheirErrors) {
  constexpr int kRuns = 400;
  int within = 0, all = 0, holdsWithin = 0;
  std::map<std::string, double> bias;
  const Heap heap = mixedHeap(2);
  const std::map<std::string, Truth> truths = truthOf(heap);
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const FragResult result = fragOf(heap.dump(8192, seed).make());
    for (const auto& [who, truth] : truths) {
      const int row = rowOf(result.stacks, who);
      ASSERT_GE(row, 0);
      const double off = cell(result.stacks, "pins", row) - truth.pins;
      EXPECT_LT(std::fabs(off), 5 * error(result.stacks, "pins", row) + 1) << who << " seed " << seed;
      within += std::fabs(off) <= 2 * error(result.stacks, "pins", row) + 1 ? 1 : 0;
      holdsWithin +=
          std::fabs(cell(result.stacks, "holds", row) - truth.holds) <= 2 * error(result.stacks, "holds", row)
              ? 1
              : 0;
      bias[who] += off / kRuns;
      ++all;
    }
  }
  EXPECT_GE(within, 0.93 * all) << "two standard errors hold the truth too rarely";
  EXPECT_GE(holdsWithin, 0.93 * all);
  for (const auto& [who, mean] : bias) EXPECT_LT(std::fabs(mean), 0.03 * truths.at("lone").pins) << who;
}

TEST(Frag, WhatSharesItsSlabsPromisesNothingBack) {
  const Heap heap = mixedHeap(3);
  const std::map<std::string, Truth> truths = truthOf(heap);
  for (std::uint64_t interval : {std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{16384}}) {
    SCOPED_TRACE(interval);
    const FragResult result = fragOf(heap.dump(interval, 7).make());
    EXPECT_EQ(rowOf(result.stacks, "lone"), 0) << "the culprit is named first";
    const double lone = cell(result.stacks, "comes_back", 0);
    EXPECT_NEAR(lone, truths.at("lone").comesBack,
                0.15 * truths.at("lone").comesBack + 2 * error(result.stacks, "comes_back", 0));
    for (const char* who : {"left", "right"}) {
      const int row = rowOf(result.stacks, who);
      // With 18 samples a stack, chance may look like company; the error has to say so.
      const double doubt = interval > 4096 ? 2 * error(result.stacks, "comes_back", row) : 0;
      EXPECT_LT(cell(result.stacks, "comes_back", row), 0.1 * cell(result.stacks, "pins", row) + doubt)
          << who;
    }
  }
}

TEST(Frag, SharesAndTheRestSumToWhatTheSlabsHoldFree) {
  const Heap heap = mixedHeap(4);
  const FragResult result = fragOf(heap.dump(8192, 3).make());
  double shared = 0, free = 0;
  for (double pins : result.stacks.find("pins")->values) shared += pins;
  for (const Heap::Slab& slab : heap.slabs)
    free += kSlab - static_cast<double>(slab.objects.size() * kObject);
  EXPECT_NEAR(shared, free, 0.001 * free);
  EXPECT_EQ(result.stacks.notes.size(), 0u);
  EXPECT_NEAR(result.resident, static_cast<double>(heap.slabs.size() * kSlab), 1);
}

TEST(Frag, WhatWasAllocatedBeforeSamplingBeganStaysNobodys) {
  Heap heap = mixedHeap(5);
  heap.unsampled = 300 * 8;  // all of "lone"
  const FragResult result = fragOf(heap.dump(1024, 3).make());
  EXPECT_EQ(rowOf(result.stacks, "lone"), -1);
  const double left = cell(result.stacks, "pins", rowOf(result.stacks, "left"));
  EXPECT_NEAR(left, truthOf(heap).at("left").pins, 0.2 * left) << "it is not charged for others";
  ASSERT_EQ(result.stacks.notes.size(), 1u);
  EXPECT_THAT(result.stacks.notes[0], testing::HasSubstr("were not sampled"));
}

TEST(Frag, FiltersChooseWhoIsListedAndMoveNoFigure) {
  const Heap heap = mixedHeap(6);
  const model::SnapshotPtr dump = heap.dump(4096, 9).make();
  const FragResult all = fragOf(dump), some = fragOf(dump, "left");
  ASSERT_EQ(some.stacks.rows(), 1u);
  EXPECT_DOUBLE_EQ(cell(some.stacks, "pins", 0), cell(all.stacks, "pins", rowOf(all.stacks, "left")));
  EXPECT_THAT(some.stacks.notes, testing::ElementsAre(testing::HasSubstr("filters")));
}

TEST(Frag, FreePagesOfAHugePageInUseArePinnedByWhoIsInItAlone) {
  Heap heap;
  heap.slabs.push_back({std::vector<std::string>(kSlots, "pin")});
  heap.dirtyAtEnd = kUnit - kSlab;
  const FragResult result = fragOf(heap.dump(1, 1).make());
  EXPECT_NEAR(cell(result.stacks, "page", 0), static_cast<double>(kUnit - kSlab), 1);
  EXPECT_NEAR(cell(result.stacks, "comes_back", 0), static_cast<double>(kUnit), 1);
  EXPECT_EQ(result.occupancy.rows(), 1u);
  EXPECT_EQ(result.occupancy.find("full")->texts[0], "under 10%");
}

TEST(Frag, OfAnotherToolsProfileSaysWhatIsMissing) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  const absl::Status status = fragmentation(query).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("heapprof run"));
}

}  // namespace
}  // namespace heapprof::analysis
