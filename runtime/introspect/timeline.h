// What the process held second by second, and the marks that the program set.
//
// Rows are thinned by halves as they age: of two neighbours the one with more RSS stays, so that peaks are
// not lost. Every level holds kLevelRows rows, each twice as far apart as those of the level before, and the
// last one thins itself; so memory is fixed, and the rows reach from the start to now, always. Of the marks
// the last kMarks stay.
//
// Invariant: rows are in the order of time, at most kTimelineRows of them; a column that could not be read
// once is known in no row from then on. One lock, held for copying only: no system call, no malloc under it.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

struct TimelineRow {
  std::uint64_t monotonicNanos;
  std::uint64_t liveBytes, allocatedBytes;  // by allocated size; allocated: ever
  std::uint64_t rssBytes;
  std::uint64_t dirtyBytes;   // free, still backed
  std::uint64_t purgedBytes;  // given back to the kernel so far
  std::uint64_t hugeBytes;    // in huge pages that we formed
};

struct TimelineMark {
  static constexpr std::size_t kNameBytes = 64;
  std::uint64_t monotonicNanos;
  char name[kNameBytes];  // terminated; longer ones are cut
};

inline constexpr std::size_t kLevels = 12;
inline constexpr std::size_t kLevelRows = 128;
inline constexpr std::size_t kTimelineRows = kLevels * kLevelRows;
inline constexpr std::size_t kMarks = 256;

// Measures now and adds a row; true: nothing was allocated or given back since the last one.
bool recordTimelineRow() noexcept;
// Adds a row that was measured elsewhere.
void addTimelineRow(const TimelineRow& row) noexcept;
// EINVAL: no name.
int addTimelineMark(const char* name) noexcept;

struct TimelineCounts {
  std::size_t rows, marks;
  bool rssKnown, hugeKnown;
};
// Into `rows` (kTimelineRows) and `marks` (kMarks), oldest first.
TimelineCounts copyTimeline(TimelineRow* rows, TimelineMark* marks) noexcept;

// A forked child begins its own.
void timelineInChild() noexcept;

}  // namespace heapprof::introspect
