// The account of RSS: every line is a field of the dump, the rest is printed, unknown stays unknown.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/waterfall_lines.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

heapprof::Totals& fullTotals(SnapshotMaker& maker) {
  heapprof::Totals& totals = *maker.heap().mutable_totals();
  totals.set_kernel_rss_bytes(1000000);
  totals.set_live_bytes(400000);
  totals.set_free_slot_bytes(100000);
  totals.set_thread_cache_bytes(20000);
  totals.set_dirty_bytes(50000);
  totals.set_metadata_bytes(30000);
  totals.set_sampler_bytes(10000);
  totals.set_other_mappings_bytes(380000);
  return totals;
}

std::map<std::string, std::size_t> lines(const model::Table& table) {
  std::map<std::string, std::size_t> at;
  for (std::size_t row = 0; row < table.rows(); ++row) at[table.find("id")->texts[row]] = row;
  return at;
}

TEST(Waterfall, LinesSumToTheKernelsFigureWithTheRestShown) {
  SnapshotMaker maker;
  fullTotals(maker);
  const model::Table table = *waterfall(queryOf(maker));
  const model::Column& bytes = *table.find("bytes");
  EXPECT_EQ(std::accumulate(bytes.values.begin(), bytes.values.end(), 0.0), 1000000);
  const auto at = lines(table);
  EXPECT_EQ(bytes.values[at.at("unattributed")], 10000);
  EXPECT_EQ(table.find("id")->texts.back(), "unattributed");
  EXPECT_DOUBLE_EQ(table.find("fraction")->values[at.at("free_slots")], 0.1);
}

TEST(Waterfall, OverlapsMakeTheRestNegativeAndAreNotHidden) {
  SnapshotMaker maker;
  fullTotals(maker).set_live_bytes(450000);
  const model::Table table = *waterfall(queryOf(maker));
  EXPECT_EQ(table.find("bytes")->values[lines(table).at("unattributed")], -40000);
}

TEST(Waterfall, WithSamplingOffRequestedIsUnknownAndSaidSo) {
  SnapshotMaker maker;
  fullTotals(maker);
  const model::Table table = *waterfall(queryOf(maker));
  EXPECT_FALSE(lines(table).contains("requested"));
  EXPECT_EQ(table.find("bytes")->values[lines(table).at("live")], 400000);
  EXPECT_THAT(table.notes, testing::Contains(testing::HasSubstr("requested is unknown")));
}

TEST(Waterfall, ALineTheDumpDoesNotHoldIsUnknownAndNamed) {
  SnapshotMaker maker;
  fullTotals(maker).clear_dirty_bytes();
  const model::Table table = *waterfall(queryOf(maker));
  const std::size_t row = lines(table).at("dirty");
  EXPECT_FALSE(table.find("bytes")->isKnown(row));
  EXPECT_FALSE(table.find("fraction")->isKnown(row));
  EXPECT_THAT(table.notes, testing::Contains(testing::HasSubstr("not known to the dump: dirty free pages")));
}

TEST(Waterfall, WithoutTheKernelsFigureThereIsNoRestAndNoShare) {
  SnapshotMaker maker;
  fullTotals(maker).clear_kernel_rss_bytes();
  const model::Table table = *waterfall(queryOf(maker));
  EXPECT_FALSE(table.find("bytes")->isKnown(lines(table).at("unattributed")));
  for (std::size_t row = 0; row < table.rows(); ++row) EXPECT_FALSE(table.find("fraction")->isKnown(row));
}

TEST(Waterfall, ChangeIsKnownWhereBothSidesAre) {
  SnapshotMaker now, base;
  fullTotals(now).set_dirty_bytes(70000);
  fullTotals(base).clear_metadata_bytes();
  model::Query query = queryOf(now);
  query.baseline = base.make();
  query.baselineMode = model::BaselineMode::kBase;
  const model::Table table = *waterfall(query);
  const auto at = lines(table);
  EXPECT_EQ(table.find("change")->values[at.at("dirty")], 20000);
  EXPECT_FALSE(table.find("change")->isKnown(at.at("metadata")));
  EXPECT_FALSE(table.find("base")->isKnown(at.at("metadata")));
}

heapprof::Totals& sampledTotals(SnapshotMaker& maker, std::uint64_t live) {
  heapprof::Totals& totals = fullTotals(maker);
  totals.set_live_bytes(live);
  totals.set_requested_bytes(live * 3 / 4);
  totals.set_internal_slack_bytes(live / 4);
  return totals;
}

TEST(Waterfall, NotesOfAComparisonSpeakOfBothDumps) {
  SnapshotMaker now, base;
  sampledTotals(now, 400 << 10);
  sampledTotals(base, 100 << 10).clear_dirty_bytes();
  model::Query query = queryOf(now);
  EXPECT_THAT(waterfall(query)->notes,
              testing::ElementsAre(testing::StartsWith("live objects are counted, 400kB; ")));
  query.baseline = base.make();
  query.baselineMode = model::BaselineMode::kDiffBase;
  EXPECT_THAT(
      waterfall(query)->notes,
      testing::ElementsAre(testing::StartsWith("live objects are counted, 100kB before and 400kB now; "),
                           "the baseline: not known to the dump: dirty free pages"));
}

TEST(Waterfall, ASampledDumpComparesWithOneThatWasNotByItsLiveObjects) {
  SnapshotMaker now, base;
  sampledTotals(now, 400000);
  fullTotals(base).set_live_bytes(300000);
  model::Query query = queryOf(now);
  query.baseline = base.make();
  query.baselineMode = model::BaselineMode::kDiffBase;
  const model::Table table = *waterfall(query);
  const auto at = lines(table);
  EXPECT_FALSE(at.contains("requested"));
  EXPECT_EQ(table.find("change")->values[at.at("live")], 100000);
  const model::Column& was = *table.find("base");
  EXPECT_EQ(std::accumulate(was.values.begin(), was.values.end(), 0.0), 1000000) << "the kernel's figure";
  EXPECT_THAT(table.notes, testing::Contains(testing::StartsWith("the baseline: sampling was off")));
}

TEST(Waterfall, OfStacksAloneSaysHowToRecordOne) {
  const absl::Status status = waterfall(queryOf(SnapshotMaker())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("heapprof run -- CMD"));
}

TEST(Waterfall, RequestedAndSlackAreWhatTheDumpSays) {
  SnapshotMaker maker;
  heapprof::Totals& totals = fullTotals(maker);
  totals.set_requested_bytes(300000);
  totals.set_requested_stderr_bytes(40000);
  totals.set_internal_slack_bytes(60000);
  heapprof::LiveSamples& samples = *maker.heap().mutable_samples();
  samples.add_address(0x1000);
  samples.add_requested_bytes(75);
  samples.add_allocated_bytes(100);
  samples.add_interval_bytes(4096);
  const model::Table table = *waterfall(queryOf(maker));
  const auto at = lines(table);
  const model::Column& bytes = *table.find("bytes");
  EXPECT_DOUBLE_EQ(bytes.values[at.at("requested")], 300000);
  EXPECT_DOUBLE_EQ(bytes.values[at.at("internal_slack")], 60000);
}

}  // namespace
}  // namespace heapprof::analysis
