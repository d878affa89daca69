// A dump's rows for a database against the analyses that the verbs print; real databases are asked in
// tests/process/fleet_sql.
#include "profiler/analysis/fleet_tables.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "tests/profiler/support/laid_heap.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

std::map<std::string, model::Table> tablesOf(const model::SnapshotPtr& snapshot) {
  model::Query query;
  query.snapshot = snapshot;
  const auto made = fleetTables(query);
  EXPECT_TRUE(made.ok()) << made.status().message();
  std::map<std::string, model::Table> byId;
  for (const model::Table& table : *made) byId[table.id] = table;
  EXPECT_EQ(byId.size(), made->size());
  return byId;
}

const model::Column& column(const model::Table& table, const std::string& id) {
  const model::Column* found = table.find(id);
  EXPECT_NE(found, nullptr) << table.id << "." << id;
  return *found;
}

TEST(FleetTables, EveryTableHasTheSameColumnsWhateverADumpHoldsAndEveryCellOfThem) {
  test::LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "kept", "held"}});
  const auto full = tablesOf(heap.dump(1, 1).make()), bare = tablesOf(test::wildSnapshot(3));
  ASSERT_EQ(full.size(), 8u);
  for (const auto& [id, table] : full) {
    ASSERT_EQ(bare.count(id), 1u) << id;
    const model::Table& other = bare.at(id);
    ASSERT_EQ(table.columns.size(), other.columns.size());
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      EXPECT_EQ(table.columns[i].id, other.columns[i].id);
      EXPECT_EQ(table.columns[i].size(), table.rows()) << id << "." << table.columns[i].id;
      EXPECT_EQ(other.columns[i].size(), other.rows()) << id << "." << table.columns[i].id;
      EXPECT_FALSE(table.columns[i].help.empty()) << id << "." << table.columns[i].id;
    }
  }
  EXPECT_GT(full.at("pins").rows(), 0u);
  EXPECT_EQ(bare.at("pins").rows(), 0u);
  EXPECT_FALSE(column(bare.at("dumps"), "kernel_rss_bytes").isKnown(0)) << "what is not held is not 0";
}

TEST(FleetTables, AKnownStackIsNotNamedAgainAndStillHolds) {
  test::LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "other", "held"}});
  model::Query query;
  query.snapshot = heap.dump(1, 1).make();
  const auto all = tablesOf(query.snapshot);
  const std::vector<std::string> ids = column(all.at("stacks"), "stack_id").texts;
  ASSERT_GE(ids.size(), 2u);
  const auto some = fleetTables(query, [&ids](absl::string_view id) { return id == ids[0]; });
  ASSERT_TRUE(some.ok());
  for (const model::Table& table : *some) {
    const bool names = table.id == "stacks" || table.id == "frames";
    EXPECT_EQ(table.rows() < all.at(table.id).rows(), names) << table.id;
    if (!names) continue;
    const std::vector<std::string>& named = column(table, "stack_id").texts;
    EXPECT_EQ(std::set<std::string>(named.begin(), named.end()),
              std::set<std::string>(ids.begin() + 1, ids.end()));
  }
}

TEST(FleetTables, SamplesSumUpToWhatTopSaysAndPinsToWhatFragSays) {
  for (const std::uint64_t seed : {1, 5, 9}) {
    const model::SnapshotPtr snapshot = test::wildSnapshot(seed, {.negative = false, .variances = true});
    model::Query query;
    query.snapshot = snapshot;
    query.metric = "inuse_space";
    query.nodeFraction = 0;
    const auto all = top(query);
    ASSERT_TRUE(all.ok()) << all.status().message();
    const auto tables = tablesOf(snapshot);
    double sum = 0, expected = 0;
    for (const double flat : column(all->table, "flat").values) expected += flat;
    for (const double value : column(tables.at("samples"), "inuse_bytes").values) sum += value;
    EXPECT_DOUBLE_EQ(sum, expected) << seed;
    EXPECT_GT(sum, 0);
  }
  test::LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "kept", "held"}});
  model::Query query;
  query.snapshot = heap.dump(1, 1).make();
  const auto frag = fragmentation(query);
  ASSERT_TRUE(frag.ok());
  EXPECT_EQ(column(tablesOf(query.snapshot).at("pins"), "pinned_bytes").values,
            column(frag->stacks, "pins").values);
}

TEST(FleetTables, AStackIsOneInEveryDumpAndADumpIsNot) {
  const auto one = tablesOf(test::wildSnapshot(2)), two = tablesOf(test::wildSnapshot(4));
  std::map<std::string, std::string> nameOf;
  std::set<std::string> seen;
  for (const auto* tables : {&one, &two}) {
    const model::Table& stacks = tables->at("stacks");
    for (std::size_t row = 0; row < stacks.rows(); ++row) {
      const std::string &id = column(stacks, "stack_id").texts[row],
                        &name = column(stacks, "stack").texts[row];
      EXPECT_EQ(nameOf.try_emplace(id, name).first->second, name);
      seen.insert(name);
    }
  }
  EXPECT_EQ(seen.size(), nameOf.size());
  const auto again = tablesOf(test::wildSnapshot(2));
  EXPECT_EQ(column(one.at("dumps"), "dump_id").texts, column(again.at("dumps"), "dump_id").texts);
  EXPECT_EQ(column(one.at("dumps"), "dump_id").texts[0].size(), 16u);
}

TEST(FleetTables, FramesAreTheStackInOrder) {
  const auto tables = tablesOf(test::wildSnapshot(6));
  const model::Table &stacks = tables.at("stacks"), &frames = tables.at("frames");
  std::map<std::string, std::string> joined;
  for (std::size_t row = 0; row < frames.rows(); ++row) {
    std::string& text = joined[column(frames, "stack_id").texts[row]];
    if (!text.empty()) text += '\n';
    text += column(frames, "function").texts[row];
  }
  ASSERT_GT(stacks.rows(), 5u);
  for (std::size_t row = 0; row < stacks.rows(); ++row) {
    EXPECT_EQ(joined[column(stacks, "stack_id").texts[row]], column(stacks, "stack").texts[row]);
  }
}

}  // namespace
}  // namespace heapprof::analysis
