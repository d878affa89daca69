// What a person reads of top, diff and summary, on dumps whose every figure is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profiler/analysis/analyses.h"
#include "profiler/report/diff_text.h"
#include "profiler/report/dump_text.h"
#include "profiler/report/summary_text.h"
#include "profiler/report/top_text.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::report {
namespace {

using test::SnapshotMaker;
using testing::HasSubstr;

TEST(TopText, IsPprofsToTheByte) {
  SnapshotMaker maker(SnapshotMaker::Types{{"inuse_space", "bytes"}});
  maker.mapping("/usr/bin/server", 0x400000, 0x500000, "abcdef");
  maker.sample(maker.stack({"alloc", "work", "main"}), {3 << 20});
  maker.sample(maker.stack({"work", "main"}), {1 << 20});
  maker.sample(maker.stack({"tiny", "main"}), {100});
  model::Query query;
  query.snapshot = maker.make();
  EXPECT_EQ(topText(query, *analysis::top(query)),
            "File: server\n"
            "Build ID: abcdef\n"
            "Type: inuse_space\n"
            "Showing nodes accounting for 4MB, 100% of 4MB total\n"
            "Dropped 1 node (cum <= 0.02MB)\n"
            "      flat  flat%   sum%        cum   cum%\n"
            "       3MB 75.00% 75.00%        3MB 75.00%  alloc\n"
            "       1MB 25.00%   100%        4MB   100%  work\n"
            "         0     0%   100%        4MB   100%  main\n");
}

class DiffOfTwo : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      const std::string name = "grow" + std::to_string(i);
      base_.sample(base_.stack({"malloc", name, "main"}), {1, 1000});
      base_.stacksRow(0, 0, 1000);
      now_.sample(now_.stack({"malloc", name, "main"}), {3, 3000 + 1000 * i});
      now_.stacksRow(100, 100, 1000);
    }
    base_.sample(base_.stack({"malloc", "same", "main"}), {1, 500});
    base_.stacksRow(1e6, 1e6, 500);
    now_.sample(now_.stack({"malloc", "same", "main"}), {1, 600});
    now_.stacksRow(1e6, 1e6, 500);
    query_.snapshot = now_.make("new.pb.gz");
    query_.baseline = base_.make("old.pb.gz");
    query_.baselineMode = model::BaselineMode::kBase;
    query_.metric = "inuse_space";
    stacks_ = *analysis::diffStacks(query_);
    totals_ = *analysis::diffTotals(query_);
    view_ = {
        query_.baseline.get(), query_.snapshot.get(), &stacks_, &totals_, "inuse_space", 12, false, false};
  }
  SnapshotMaker base_, now_;
  model::Query query_;
  model::Table stacks_, totals_;
  DiffView view_;
};

TEST_F(DiffOfTwo, ListsWhatChangedLargestFirstAndCountsTheRest) {
  const std::string text = diffText(view_);
  EXPECT_LT(text.find("grow2"), text.find("grow1"));
  EXPECT_LT(text.find("grow1"), text.find("grow0"));
  EXPECT_THAT(text, HasSubstr("1 stack is the same within twice the error"));
  EXPECT_THAT(text, testing::Not(HasSubstr("  same")));
  EXPECT_THAT(text, HasSubstr("GROWN"));
}

TEST_F(DiffOfTwo, SaysWhatItLeftOutWithItsSum) {
  view_.rows = 1;
  EXPECT_THAT(diffText(view_), HasSubstr("2 more stacks changed, +4.88kB in sum (-nodecount=0 shows all)"));
}

TEST_F(DiffOfTwo, SumsAddUpWithTheRootOfAllVariances) {
  const DiffSum sum = diffSum(stacks_);
  EXPECT_EQ(sum.base, 3500);
  EXPECT_EQ(sum.now, 12600);
  EXPECT_EQ(sum.change, 9100);
  EXPECT_DOUBLE_EQ(*sum.error, std::sqrt(3 * 100 + 2e6));
}

TEST_F(DiffOfTwo, ADumpWithoutErrorsHasNoErrorOfTheSum) {
  stacks_.find("change");
  stacks_.columns[1].standardError[0] = std::nan("");
  EXPECT_FALSE(diffSum(stacks_).error.has_value());
}

TEST_F(DiffOfTwo, ErrorsAreInTheUnitOfTheirFigures) {
  stacks_.columns[1].values[0] = 3 << 20;
  stacks_.columns[1].standardError[0] = 100 << 10;
  ASSERT_EQ(stacks_.columns[1].id, "change");
  EXPECT_THAT(diffText(view_), HasSubstr("+3MB  ± 0.10MB"));
}

TEST(DiffText, FramesInARowThatAreTheSameAreOneFrameWithTheirNumber) {
  SnapshotMaker base, now;
  base.sample(base.stack({"malloc", "store", "main"}), {1, 10});
  now.sample(now.stack({"malloc", "store", "walk", "walk", "walk", "main"}), {1, 1000});
  model::Query query;
  query.snapshot = now.make();
  query.baseline = base.make();
  query.baselineMode = model::BaselineMode::kBase;
  query.metric = "inuse_space";
  const model::Table stacks = *analysis::diffStacks(query), totals = *analysis::diffTotals(query);
  const DiffView view{
      query.baseline.get(), query.snapshot.get(), &stacks, &totals, "inuse_space", 12, false, false};
  EXPECT_THAT(diffText(view), HasSubstr("        < walk x3 < main\n"));
}

heapprof::Header& header(SnapshotMaker& maker, std::uint32_t pid, std::uint64_t started,
                         std::uint64_t dumped) {
  heapprof::Header& made = *maker.heap().mutable_header();
  made.set_pid(pid);
  made.set_start_time_nanos(started);
  made.set_dump_time_nanos(dumped);
  made.set_reason(heapprof::SIGNAL);
  return made;
}

TEST(DumpText, AnEarlierDumpOfTheSameProcessIsSaidToBeThat) {
  SnapshotMaker now, before, other;
  header(now, 7, 1000000, 9000000000).set_sampling_interval_bytes(65536);
  header(before, 7, 1000000, 6000000000);
  header(other, 7, 2000000, 6000000000);  // the number came again
  EXPECT_THAT(dumpText(*now.make("new.pb.gz")),
              testing::MatchesRegex("new.pb.gz, pid 7, dumped [-0-9]+ [0-9:]+ on a "
                                    "signal, one sample every 64kB"));
  EXPECT_EQ(earlierText(*before.make("old.pb.gz"), *now.make("new.pb.gz")), "the same process, 3s earlier");
  EXPECT_THAT(earlierText(*other.make("old.pb.gz"), *now.make("new.pb.gz")),
              testing::StartsWith("old.pb.gz, pid 7"));
}

TEST(SummaryText, SaysTheAnswerBeforeItsAccount) {
  SnapshotMaker now, before;
  for (SnapshotMaker* maker : {&now, &before}) {
    heapprof::Totals& totals = *maker->heap().mutable_totals();
    totals.set_kernel_rss_bytes(maker == &now ? 100 << 20 : 40 << 20);
    totals.set_live_bytes(maker == &now ? 100 << 20 : 40 << 20);
    totals.set_free_slot_bytes(maker == &now ? 100 : 0);
    totals.set_dirty_bytes(0);
    totals.set_thread_cache_bytes(0);
    totals.set_metadata_bytes(0);
    totals.set_sampler_bytes(0);
    totals.set_other_mappings_bytes(0);
  }
  model::Query query;
  query.snapshot = now.make("new.pb.gz");
  query.baseline = before.make("old.pb.gz");
  query.baselineMode = model::BaselineMode::kBase;
  const model::Table table = *analysis::waterfall(query);
  const std::string text = summaryText(*query.snapshot, query.baseline.get(), &table, {});
  EXPECT_THAT(text, HasSubstr("compared with old.pb.gz: "));
  EXPECT_THAT(text, HasSubstr("Where RSS went: 100MB resident, 60MB more than the baseline's 40MB\n"));
  EXPECT_THAT(text, testing::ContainsRegex("dirty free pages +0 +0.0% +0\n"))
      << "nothing is neither 0.00MB nor +0.00MB";
  EXPECT_THAT(text, testing::ContainsRegex("free slots in slabs +100B .*\\+100B"))
      << "what would vanish keeps its unit";
}

TEST(SummaryText, UnknownLinesAreSaidToBeAndTheSumIsTheKernels) {
  SnapshotMaker maker;
  heapprof::Totals& totals = *maker.heap().mutable_totals();
  totals.set_kernel_rss_bytes(100 << 20);
  totals.set_live_bytes(60 << 20);
  totals.set_free_slot_bytes(30 << 20);
  model::Query query;
  query.snapshot = maker.make();
  const model::Table table = *analysis::waterfall(query);
  const std::string text = summaryText(*query.snapshot, nullptr, &table, {});
  EXPECT_THAT(text, testing::ContainsRegex("dirty free pages +unknown"));
  EXPECT_THAT(text, testing::ContainsRegex("= kernel RSS +100.00MB +100%"));
  EXPECT_THAT(text, testing::Not(testing::ContainsRegex("dirty free pages +0")));
  EXPECT_THAT(text, HasSubstr("Nothing stands out."));
}

}  // namespace
}  // namespace heapprof::report
