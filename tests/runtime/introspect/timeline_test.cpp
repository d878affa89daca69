// The timeline: thinning, its bounds, marks, and what a dump makes of it.
#include "runtime/introspect/timeline.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/runtime/introspect/support.h"

namespace heapprof::introspect {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class Timeline : public testing::Test {
 protected:
  Timeline() { timelineInChild(); }
  ~Timeline() override { timelineInChild(); }

  static TimelineRow rowAt(std::uint64_t second, std::uint64_t rss) {
    TimelineRow row = {};
    row.monotonicNanos = second * kSecond;
    row.rssBytes = rss;
    row.allocatedBytes = second;
    return row;
  }
  void copy() {
    rows_.resize(kTimelineRows);
    marks_.resize(kMarks);
    const TimelineCounts counts = copyTimeline(rows_.data(), marks_.data());
    rows_.resize(counts.rows);
    marks_.resize(counts.marks);
  }
  std::vector<TimelineRow> rows_;
  std::vector<TimelineMark> marks_;
};

TEST_F(Timeline, KeepsEveryRowOfTheFirstTwoMinutes) {
  for (std::uint64_t second = 1; second <= kLevelRows; ++second) addTimelineRow(rowAt(second, 1));
  copy();
  ASSERT_EQ(rows_.size(), kLevelRows);
  for (std::size_t i = 0; i < rows_.size(); ++i) EXPECT_EQ(rows_[i].monotonicNanos, (i + 1) * kSecond);
}

TEST_F(Timeline, ReachesFromTheStartToNowInBoundedMemoryAndKeepsThePeak) {
  constexpr std::uint64_t kPeakAt = 12345;
  for (const std::uint64_t seconds : {200u, 5000u, 100'000u, 3'000'000u}) {
    timelineInChild();
    for (std::uint64_t second = 1; second <= seconds; ++second) {
      addTimelineRow(rowAt(second, second == kPeakAt ? 1'000'000 : second % 7));
    }
    copy();
    ASSERT_LE(rows_.size(), kTimelineRows);
    EXPECT_EQ(rows_.back().monotonicNanos, seconds * kSecond);
    EXPECT_LE(rows_.front().monotonicNanos, std::max<std::uint64_t>(2, seconds / 32) * kSecond) << seconds;
    std::uint64_t widest = 0;
    for (std::size_t i = 1; i < rows_.size(); ++i) {
      ASSERT_LT(rows_[i - 1].monotonicNanos, rows_[i].monotonicNanos) << seconds << " " << i;
      widest = std::max(widest, (rows_[i].monotonicNanos - rows_[i - 1].monotonicNanos) / kSecond);
      // The last minute is whole.
      if (rows_[i].monotonicNanos > (seconds - 60) * kSecond) {
        EXPECT_EQ(rows_[i].monotonicNanos - rows_[i - 1].monotonicNanos, kSecond);
      }
    }
    EXPECT_LE(widest, std::max<std::uint64_t>(4, seconds / 16)) << seconds;
    if (seconds > kPeakAt) {
      EXPECT_TRUE(std::any_of(rows_.begin(), rows_.end(), [](const TimelineRow& row) {
        return row.rssBytes == 1'000'000 && row.monotonicNanos == kPeakAt * kSecond;
      }));
    }
  }
}

TEST_F(Timeline, KeepsTheLastMarksAndCutsLongNames) {
  EXPECT_EQ(addTimelineMark(""), EINVAL);
  EXPECT_EQ(addTimelineMark(nullptr), EINVAL);
  for (std::size_t i = 0; i < kMarks + 10; ++i) EXPECT_EQ(addTimelineMark(std::to_string(i).c_str()), 0);
  EXPECT_EQ(addTimelineMark(std::string(1000, 'x').c_str()), 0);
  copy();
  ASSERT_EQ(marks_.size(), kMarks);
  EXPECT_STREQ(marks_.front().name, "11");
  EXPECT_EQ(std::string(marks_.back().name), std::string(TimelineMark::kNameBytes - 1, 'x'));
}

TEST_F(Timeline, ADumpSaysWhatWasMeasured) {
  tests::Objects objects;
  objects.add(3, 1 << 20);
  EXPECT_FALSE(recordTimelineRow());  // the first has none before it
  objects.add(40, 1 << 20);
  EXPECT_FALSE(recordTimelineRow());
  EXPECT_TRUE(recordTimelineRow()) << "nothing happened since";
  ASSERT_EQ(addTimelineMark("grown"), 0);
  const tests::Scratch scratch;
  const formats::ProfileColumns profile = tests::dumpNow(scratch);
  const auto& timeline = profile.heapSnapshot.timeline();
  ASSERT_EQ(timeline.time_nanos_size(), 3);
  ASSERT_EQ(timeline.rss_bytes_size(), 3);
  EXPECT_LT(timeline.time_nanos(0), timeline.time_nanos(1));
  EXPECT_GE(timeline.live_bytes(1), timeline.live_bytes(0) + (std::uint64_t{40} << 20));
  EXPECT_GE(timeline.allocated_bytes(1), timeline.allocated_bytes(0) + (std::uint64_t{40} << 20));
  EXPECT_GT(timeline.rss_bytes(0), std::uint64_t{1} << 20);
  ASSERT_EQ(timeline.mark_name_size(), 1);
  EXPECT_EQ(profile.heapSnapshot.string_table(static_cast<int>(timeline.mark_name(0))), "grown");
  EXPECT_GE(timeline.mark_time_nanos(0), timeline.time_nanos(2));
}

}  // namespace
}  // namespace heapprof::introspect
