// Findings: ranked, few, each with a command that a shell takes; and what `info` says about a dump.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "profiler/analysis/analyses.h"
#include "tests/profiler/support/laid_heap.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

constexpr std::int64_t kMiB = 1 << 20;

SnapshotMaker service() {
  SnapshotMaker maker;
  maker.sample(maker.stack({"operator new", "Store::put(int)", "main"}), {100, 300 * kMiB});
  maker.sample(maker.stack({"malloc", "log_line", "main"}), {10, 20 * kMiB});
  heapprof::Totals& totals = *maker.heap().mutable_totals();
  totals.set_kernel_rss_bytes(1000 * kMiB);
  totals.set_live_bytes(320 * kMiB);
  totals.set_free_slot_bytes(400 * kMiB);
  totals.set_dirty_bytes(200 * kMiB);
  totals.set_thread_cache_bytes(40 * kMiB);
  totals.set_metadata_bytes(5 * kMiB);
  totals.set_sampler_bytes(5 * kMiB);
  totals.set_other_mappings_bytes(kMiB);
  return maker;
}

std::vector<Finding> findingsOf(const model::Query& query) {
  absl::StatusOr<std::vector<Finding>> found = findings(query);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : std::vector<Finding>{};
}

TEST(Findings, AreAtMostFiveAndStandLargestFirst) {
  model::Query query;
  query.snapshot = service().make();
  const std::vector<Finding> found = findingsOf(query);
  ASSERT_FALSE(found.empty());
  EXPECT_LE(found.size(), 5u);
  EXPECT_EQ(found[0].id, "free_slots");
  EXPECT_EQ(found[1].id, "largest_holder");
  EXPECT_THAT(found[1].title, testing::HasSubstr("Store::put(int) holds 300MB"));
  EXPECT_EQ(found[2].id, "dirty");
  for (std::size_t i = 1; i < found.size(); ++i) EXPECT_GE(found[i - 1].bytes, found[i].bytes);
}

TEST(Findings, OfAnInterpreterIsAlwaysTold) {
  SnapshotMaker maker = service();
  maker.heap().mutable_header()->set_program(static_cast<std::uint32_t>(maker.heap().string_table_size()));
  maker.heap().add_string_table("/usr/bin/python3.11");
  model::Query query;
  query.snapshot = maker.make();
  const std::vector<Finding> found = findingsOf(query);
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[4].id, "language_runtime") << "though what lies outside malloc is a thousandth of RSS";
  EXPECT_THAT(found[4].title, testing::HasSubstr("Python: 1MB (0.1% of RSS) lies outside malloc"));
}

TEST(Findings, CommandsQuoteNamesForTheShellAndForExpressions) {
  model::Query query;
  query.snapshot = service().make("it's a dump.pb.gz");
  for (const Finding& finding : findingsOf(query)) {
    EXPECT_THAT(finding.command, testing::HasSubstr("'it'\\''s a dump.pb.gz'"));
    if (finding.id == "largest_holder")
      EXPECT_THAT(finding.command, testing::HasSubstr("-focus='Store::put\\(int\\)'"));
  }
}

TEST(Findings, FreeRoomNamesWhoPinsItAndLeadsToFrag) {
  test::LaidHeap heap;
  heap.slabs.assign(100, {std::vector<std::string>(8, "hoard")});
  model::Query query;
  query.snapshot = heap.dump(2048, 1).make("d.pb.gz");
  const std::vector<Finding> found = findingsOf(query);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].id, "free_slots");
  EXPECT_EQ(found[0].command, "heapprof frag d.pb.gz");
  EXPECT_THAT(found[0].detail, testing::HasSubstr("hoard pins"));
  EXPECT_THAT(found[0].detail, testing::HasSubstr("would come back"));
}

TEST(Findings, WhatIsOldAmongTheYoungLeadsToLeaks) {
  SnapshotMaker maker = service();
  heapprof::HeapSnapshot& heap = maker.heap();
  maker.columns.durationNanos = 100'000'000'000;
  heapprof::Stacks& stacks = *heap.mutable_stacks();
  stacks.add_id(1);
  stacks.add_sample_index(1);  // log_line
  stacks.add_raw_allocations(1020);
  stacks.add_raw_frees(1000);
  stacks.add_raw_live(20);
  for (int i = 0; i < 48; ++i) stacks.add_lifetime_buckets(i == 20 ? 1000 : 0);  // a millisecond
  for (std::uint64_t i = 0; i < 20; ++i) {
    heap.mutable_samples()->add_address(0x1000 + i * 0x1000000);
    heap.mutable_samples()->add_allocated_bytes(static_cast<std::uint64_t>(4 * kMiB));
    heap.mutable_samples()->add_stack(1);
    heap.mutable_samples()->add_age_nanos((2 + 4 * i) * 1'000'000'000);
  }
  model::Query query;
  query.snapshot = maker.make("d.pb.gz");
  const std::vector<Finding> found = findingsOf(query);
  const auto old =
      std::find_if(found.begin(), found.end(), [](const Finding& f) { return f.id == "old_never_freed"; });
  ASSERT_NE(old, found.end());
  EXPECT_EQ(old->command, "heapprof leaks d.pb.gz");
  EXPECT_THAT(old->title, testing::HasSubstr("log_line holds 80MB"));
}

TEST(Findings, GrowthIsToldWithItsErrorAndSmallThingsAreNot) {
  SnapshotMaker before = service(), now = service();
  now.columns.samples.values[1] += 90 * kMiB;
  model::Query query;
  query.snapshot = now.make();
  query.baseline = before.make();
  query.baselineMode = model::BaselineMode::kBase;
  const std::vector<Finding> found = findingsOf(query);
  EXPECT_THAT(found, testing::Contains(testing::Field(&Finding::id, "growth")));
  for (const Finding& finding : found) {
    EXPECT_GE(finding.bytes, 10 * kMiB) << "below a hundredth of RSS: " << finding.title;
    if (finding.id == "growth")
      EXPECT_THAT(finding.title, testing::HasSubstr("Store::put(int) holds 90MB more"));
    if (finding.id == "growth") EXPECT_THAT(finding.detail, testing::HasSubstr("from 300MB to 390MB"));
    EXPECT_NE(finding.id, "largest_holder") << "said by its growth";
  }
}

TEST(Findings, OfStacksAloneStillNameTheLargestHolder) {
  SnapshotMaker maker;
  maker.sample(maker.stack({"malloc", "keep", "main"}), {1, kMiB});
  model::Query query;
  query.snapshot = maker.make();
  const std::vector<Finding> found = findingsOf(query);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "largest_holder");
}

TEST(Findings, WhatIsMissingIsNotTakenForNothing) {
  SnapshotMaker maker = service();
  maker.heap().mutable_totals()->clear_free_slot_bytes();
  model::Query query;
  query.snapshot = maker.make();
  for (const Finding& finding : findingsOf(query)) EXPECT_NE(finding.id, "free_slots");
}

TEST(Info, TellsWhatTheDumpIsAndHasNoEmptyRows) {
  SnapshotMaker maker = service();
  heapprof::Header& header = *maker.heap().mutable_header();
  header.set_program(maker.heapText("/usr/bin/service"));
  header.set_pid(4711);
  header.set_reason(heapprof::SIGNAL);
  header.set_sampling_interval_bytes(65536);
  absl::StatusOr<model::Table> table = info(maker.make());
  ASSERT_TRUE(table.ok()) << table.status();
  std::string all;
  for (std::size_t row = 0; row < table->rows(); ++row) {
    EXPECT_FALSE(table->find("value")->texts[row].empty());
    all += table->find("name")->texts[row] + ": " + table->find("value")->texts[row] + "\n";
  }
  for (const char* part : {"/usr/bin/service", "4711", "on a signal", "64kB"})
    EXPECT_THAT(all, testing::HasSubstr(part));
}

TEST(Info, EachGroupIsInOnePieceAndWhatWasNotNeededIsNotMissed) {
  SnapshotMaker maker = service();
  heapprof::Header& header = *maker.heap().mutable_header();
  header.set_sampling_interval_bytes(65536);
  header.set_unwinder(maker.heapText("eh-frame"));
  header.set_command_line(maker.heapText("service: worker      "));
  for (const auto& [name, state] :
       {std::pair("libunwind", heapprof::ABSENT), std::pair("pagemap", heapprof::WORKS),
        std::pair("smaps_rollup", heapprof::REFUSED)}) {
    heapprof::Capability& capability = *header.add_capabilities();
    capability.set_name(maker.heapText(name));
    capability.set_state(state);
  }
  const model::Table table = *info(maker.make());
  std::vector<std::string> groups, missed;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string& group = table.find("group")->texts[row];
    if (groups.empty() || groups.back() != group) groups.push_back(group);
    if (group == "could not know") missed.push_back(table.find("name")->texts[row]);
    EXPECT_NE(table.find("value")->texts[row].back(), ' ');
  }
  EXPECT_EQ(std::set<std::string>(groups.begin(), groups.end()).size(), groups.size());
  EXPECT_THAT(missed, testing::ElementsAre("smaps_rollup"));
}

TEST(Info, OfAnotherToolsProfileSaysThatThereAreStacksOnly) {
  absl::StatusOr<model::Table> table = info(test::wildSnapshot(1));
  ASSERT_TRUE(table.ok());
  std::string all;
  for (const std::string& value : table->find("value")->texts) all += value + "\n";
  EXPECT_THAT(all, testing::HasSubstr("stacks"));
}

}  // namespace
}  // namespace heapprof::analysis
