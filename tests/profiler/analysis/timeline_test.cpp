// A timeline laid by the test: what was recorded comes back in order, what was not is unknown.
#include "profiler/analysis/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using testing::ElementsAre, testing::HasSubstr;

constexpr std::uint64_t kSecond = 1000000000;

test::SnapshotMaker recorded() {
  test::SnapshotMaker maker;
  heapprof::Timeline& timeline = *maker.heap().mutable_timeline();
  // The third row is written before the second.
  const std::uint64_t seconds[] = {1, 5, 3, 6}, allocated[] = {100, 900, 300, 200};
  for (int row = 0; row < 4; ++row) {
    timeline.add_time_nanos(seconds[row] * kSecond);
    timeline.add_rss_bytes(seconds[row] * 4096);
    timeline.add_allocated_bytes(allocated[row]);
  }
  timeline.add_mark_time_nanos(4 * kSecond);
  timeline.add_mark_name(maker.heapText("second"));
  timeline.add_mark_time_nanos(2 * kSecond);
  timeline.add_mark_name(maker.heapText("first"));
  return maker;
}

TEST(Timeline, RowsAndMarksComeInTheOrderOfTheirTimes) {
  const absl::StatusOr<TimelineResult> result = timeline(queryOf(recorded()));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->rows.find("time")->values, ElementsAre(1e9, 3e9, 5e9, 6e9));
  EXPECT_THAT(result->rows.find("rss")->values, ElementsAre(4096, 3 * 4096, 5 * 4096, 6 * 4096));
  EXPECT_THAT(result->marks.find("time")->values, ElementsAre(2e9, 4e9));
  EXPECT_THAT(result->marks.find("name")->texts, ElementsAre("first", "second"));
}

TEST(Timeline, ARateIsSinceTheRowBeforeAndACounterThatFellGivesNone) {
  const TimelineResult result = *timeline(queryOf(recorded()));
  const model::Column& rate = *result.rows.find("allocation_rate");
  EXPECT_TRUE(rate.isBlank(0));
  EXPECT_EQ(rate.values[1], 100);  // 200 bytes in 2 s
  EXPECT_EQ(rate.values[2], 300);
  EXPECT_FALSE(rate.isKnown(3));
  EXPECT_FALSE(rate.isBlank(3));
}

// An idle second used to read "unknown", and its bar was a hole.
TEST(Timeline, ACounterThatFellByAHairWasAtRest) {
  test::SnapshotMaker maker;
  heapprof::Timeline& timeline = *maker.heap().mutable_timeline();
  const std::uint64_t allocated[] = {211098344, 211022296};
  for (std::uint64_t row = 0; row < 2; ++row) {
    timeline.add_time_nanos((row + 1) * kSecond);
    timeline.add_allocated_bytes(allocated[row]);
  }
  const TimelineResult result = *analysis::timeline(queryOf(maker));
  const model::Column& rate = *result.rows.find("allocation_rate");
  ASSERT_TRUE(rate.isKnown(1));
  EXPECT_EQ(rate.values[1], 0);
}

TEST(Timeline, AColumnThatIsNotThereIsUnknownAndSaysSo) {
  test::SnapshotMaker maker = recorded();
  maker.heap().mutable_timeline()->clear_allocated_bytes();
  const TimelineResult result = *timeline(queryOf(maker));
  for (const char* id : {"live", "dirty", "purged", "huge", "allocated", "allocation_rate"}) {
    for (std::size_t row = 0; row < 4; ++row) EXPECT_FALSE(result.rows.find(id)->isKnown(row)) << id;
    EXPECT_FALSE(result.rows.find(id)->isBlank(0)) << id;
  }
  EXPECT_TRUE(result.rows.find("rss")->isKnown(0));
  EXPECT_THAT(result.rows.notes,
              ElementsAre("not recorded, so unknown: Live, Dirty (free), Purged, On huge pages, Allocated"));
}

TEST(Timeline, ADumpWithoutOneIsRefusedWithHowToRecordOne) {
  test::SnapshotMaker maker;
  for (const bool hasHeap : {false, true}) {
    if (hasHeap) maker.heap();
    const absl::Status status = timeline(queryOf(maker)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("HEAPPROF=...,timeline=1s"));
  }
}

TEST(Timeline, TimesAreWrittenAsTheirSpanAsks) {
  EXPECT_EQ(sinceStart(0.25e9, 5e9), "0.25s");
  EXPECT_EQ(sinceStart(65.9e9, 120e9), "1:05");
  EXPECT_EQ(sinceStart(65e9, 7200e9), "0:01:05");
  EXPECT_EQ(sinceStart(90061e9, 90061e9), "1d 01:01:01");
}

}  // namespace
}  // namespace heapprof::analysis
