// The diff by stack against the formula: change = new - base, its error the root of both variances.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

#include "profiler/analysis/analyses.h"
#include "tests/profiler/support/snapshot_maker.h"
#include "tests/profiler/support/stack_oracle.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

model::Query pairOf(const model::SnapshotPtr& base, const model::SnapshotPtr& now) {
  model::Query query;
  query.snapshot = now;
  query.baseline = base;
  query.baselineMode = model::BaselineMode::kBase;
  query.metric = "inuse_space";
  return query;
}

struct Expected {
  double value[2] = {0, 0}, variance[2] = {0, 0};
  bool seen[2] = {false, false};
};

std::map<std::string, Expected> byStack(const model::Query& query) {
  std::map<std::string, Expected> stacks;
  for (const test::OracleSample& sample : test::oracleSamples(query)) {
    std::string joined;
    for (const test::OracleFrame& frame : sample.frames) joined += (joined.empty() ? "" : "\n") + frame.name;
    Expected& at = stacks[joined];
    at.value[sample.side] += static_cast<double>(sample.value);
    at.variance[sample.side] += sample.variance;
    at.seen[sample.side] = true;
  }
  return stacks;
}

std::string stateOf(const Expected& e) {
  if (!e.seen[1]) return "NEW";
  if (!e.seen[0]) return "GONE";
  const double change = e.value[0] - e.value[1], error = std::sqrt(e.variance[0] + e.variance[1]);
  if (std::isnan(error) ? change == 0 : std::fabs(change) <= 2 * error) return "SAME";
  return change > 0 ? "GROWN" : "SHRUNK";
}

TEST(DiffStacks, EachRowIsTheFormulasAndNoStackIsMissing) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    const test::WildShape shape{.negative = false, .labels = true, .variances = true};
    model::Query query = pairOf(test::wildSnapshot(seed + 300, shape), test::wildSnapshot(seed, shape));
    if (seed % 3 == 0) query.filters.ignore = "^a$";
    absl::StatusOr<model::Table> table = diffStacks(query);
    ASSERT_TRUE(table.ok()) << table.status();
    std::map<std::string, Expected> expected = byStack(query);
    ASSERT_EQ(table->rows(), expected.size());
    const model::Column& change = *table->find("change");
    for (std::size_t row = 0; row < table->rows(); ++row) {
      const Expected& e = expected.at(table->find("stack")->texts[row]);
      EXPECT_EQ(change.values[row], e.value[0] - e.value[1]);
      EXPECT_EQ(table->find("base")->values[row], e.value[1]);
      EXPECT_EQ(table->find("new")->values[row], e.value[0]);
      const double error = std::sqrt(e.variance[0] + e.variance[1]);
      if (std::isnan(error)) {
        EXPECT_TRUE(std::isnan(change.standardError[row]));
      } else {
        EXPECT_DOUBLE_EQ(change.standardError[row], error);
      }
      EXPECT_EQ(table->find("state")->texts[row], stateOf(e));
      if (row > 0) EXPECT_LE(std::fabs(change.values[row]), std::fabs(change.values[row - 1]));
    }
  }
}

TEST(DiffStacks, ObjectsChangeWithTheBytesTheyGoWith) {
  SnapshotMaker base, now;
  base.sample(base.stack({"f", "main"}), {2, 200});
  now.sample(now.stack({"f", "main"}), {7, 700});
  const model::Table table = *diffStacks(pairOf(base.make(), now.make()));
  EXPECT_EQ(table.find("objects_change")->values[0], 5);
  EXPECT_TRUE(table.find("objects_change")->isKnown(0));
}

TEST(DiffStacks, ADumpWithoutCountsHasUnknownObjectsAndNotNone) {
  SnapshotMaker base(SnapshotMaker::Types{{"inuse_space", "bytes"}}),
      now(SnapshotMaker::Types{{"inuse_space", "bytes"}});
  base.sample(base.stack({"f"}), {200});
  now.sample(now.stack({"f"}), {700});
  const model::Table table = *diffStacks(pairOf(base.make(), now.make()));
  EXPECT_FALSE(table.find("objects_change")->isKnown(0));
}

TEST(DiffStacks, TwoRunsOfOneProgramAtOtherAddressesMeet) {
  SnapshotMaker base, now;
  const formats::Row before = base.mapping("/bin/p", 0x55550000, 0x55560000, "id");
  const formats::Row after = now.mapping("/bin/p", 0x7777770000, 0x7777780000, "id");
  base.sample({base.location({}, 0x55550123, before)}, {1, 100});
  now.sample({now.location({}, 0x7777770123, after)}, {1, 100});
  model::Query query = pairOf(base.make(), now.make());
  query.granularity = model::Granularity::kAddresses;
  const model::Table table = *diffStacks(query);
  ASSERT_EQ(table.rows(), 1u);
  EXPECT_EQ(table.find("state")->texts[0], "SAME");
}

TEST(DiffStacks, NormalizingTakesGrowthOfTheWholeOut) {
  SnapshotMaker base, now;
  for (const char* name : {"f", "g"}) {
    base.sample(base.stack({name}), {10, 1000});
    now.sample(now.stack({name}), {30, 3000});
  }
  model::Query query = pairOf(base.make(), now.make());
  query.normalize = true;
  const model::Table table = *diffStacks(query);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    EXPECT_EQ(table.find("change")->values[row], 0);
    EXPECT_EQ(table.find("objects_change")->values[row], 0) << "counts are scaled as bytes are";
  }
}

TEST(DiffStacks, OwnerIsTheFirstFrameThatIsNotPlumbing) {
  SnapshotMaker base, now;
  now.sample(now.stack({"operator new", "std::vector<int>::push_back", "Cache::fill", "main"}), {1, 64});
  now.sample(now.stack({"malloc", "xmalloc"}), {1, 32});
  base.sample(base.stack({"other"}), {1, 16});
  const model::Table table = *diffStacks(pairOf(base.make(), now.make()));
  EXPECT_EQ(table.find("owner")->texts[0], "Cache::fill");
  EXPECT_EQ(table.find("owner")->texts[1], "xmalloc") << "the outermost, where all are plumbing";
}

TEST(DiffStacks, NeedsTwoDumpsOfOneUnit) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  EXPECT_EQ(diffStacks(query).status().code(), absl::StatusCode::kInvalidArgument);
  SnapshotMaker other(SnapshotMaker::Types{{"inuse_space", "kilobytes"}});
  other.sample(other.stack({"f"}), {1});
  const absl::Status status = diffStacks(pairOf(other.make(), test::wildSnapshot(1))).status();
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("kilobytes"));
}

TEST(DiffTotals, AreKnownWhereBothDumpsKnowThem) {
  SnapshotMaker base, now;
  base.heap().mutable_totals()->set_live_bytes(100);
  now.heap().mutable_totals()->set_live_bytes(130);
  now.heap().mutable_totals()->set_dirty_bytes(7);
  now.heap().mutable_totals()->set_metadata_bytes(0);
  base.heap().mutable_totals()->set_metadata_bytes(0);
  const model::Table table = *diffTotals(pairOf(base.make(), now.make()));
  std::map<std::string, std::size_t> at;
  for (std::size_t row = 0; row < table.rows(); ++row) at[table.find("name")->texts[row]] = row;
  EXPECT_EQ(table.find("change")->values[at.at("live (counted)")], 30);
  EXPECT_FALSE(table.find("base")->isKnown(at.at("dirty free pages")));
  EXPECT_FALSE(table.find("change")->isKnown(at.at("dirty free pages")));
  EXPECT_TRUE(table.find("change")->isKnown(at.at("allocator metadata"))) << "a measured 0 is known";
  EXPECT_FALSE(at.contains("kernel RSS")) << "neither dump knows it";
}

TEST(DiffTotals, ASizeClassThatOneDumpDoesNotListIsEmptyThere) {
  SnapshotMaker base, now;
  const auto addClass = [](SnapshotMaker& maker, std::uint64_t size, std::uint64_t live) {
    heapprof::SizeClasses& classes = *maker.heap().mutable_size_classes();
    classes.add_size(size);
    classes.add_live_objects(live);
  };
  addClass(base, 16, 3);
  addClass(now, 16, 5);
  addClass(now, 64, 2);
  const model::Table table = *diffTotals(pairOf(base.make(), now.make()));
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.find("change")->values[0], 32);
  EXPECT_TRUE(table.find("change")->isKnown(1));
  EXPECT_EQ(table.find("change")->values[1], 128);
}

TEST(DiffTotals, ADumpWithoutSizeClassesDoesNotKnowThem) {
  SnapshotMaker base, now;
  base.heap();
  now.heap().mutable_size_classes()->add_size(64);
  now.heap().mutable_size_classes()->add_live_objects(2);
  const model::Table table = *diffTotals(pairOf(base.make(), now.make()));
  ASSERT_EQ(table.rows(), 1u);
  EXPECT_FALSE(table.find("change")->isKnown(0));
}

}  // namespace
}  // namespace heapprof::analysis
