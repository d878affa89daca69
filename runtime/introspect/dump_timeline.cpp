// The timeline's rows and marks.
#include <iterator>

#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/timeline.h"

namespace heapprof::introspect {
namespace {

constexpr std::uint32_t kTable = 8;

std::uint64_t sinceStart(const DumpContext& dump, std::uint64_t monotonic) noexcept {
  return monotonic > dump.times.startMonotonic ? monotonic - dump.times.startMonotonic : 0;
}

}  // namespace

bool writeTimeline(DumpContext& dump) noexcept {
  auto* rows = dump.memory.takeArray<TimelineRow>(kTimelineRows);
  auto* marks = dump.memory.takeArray<TimelineMark>(kMarks);
  if (rows == nullptr || marks == nullptr) return false;
  const TimelineCounts counts = copyTimeline(rows, marks);

  const ColumnSpec specs[] = {{1, Coding::kVarint},
                              {2, Coding::kVarint},
                              {3, Coding::kVarint},
                              {4, Coding::kVarint, 1, counts.rssKnown},
                              {5, Coding::kVarint},
                              {6, Coding::kVarint},
                              {7, Coding::kVarint, 1, counts.hugeKnown}};
  Columns columns(dump.writer, dump.memory, kTable, specs, std::size(specs), kTimelineRows);
  const ColumnSpec markSpecs[] = {{8, Coding::kVarint}, {9, Coding::kVarint}};
  Columns markColumns(dump.writer, dump.memory, kTable, markSpecs, std::size(markSpecs), kMarks);
  if (!columns.valid() || !markColumns.valid()) return false;
  for (std::size_t i = 0; i < counts.rows; ++i) {
    const TimelineRow& row = rows[i];
    columns.put(1, sinceStart(dump, row.monotonicNanos));
    columns.put(2, row.liveBytes);
    columns.put(3, row.allocatedBytes);
    columns.put(4, row.rssBytes);
    columns.put(5, row.dirtyBytes);
    columns.put(6, row.purgedBytes);
    columns.put(7, row.hugeBytes);
    columns.endRow();
  }
  columns.finish();
  for (std::size_t i = 0; i < counts.marks; ++i) {
    markColumns.put(8, sinceStart(dump, marks[i].monotonicNanos));
    markColumns.put(9, dump.snapshotStrings.add(marks[i].name));
    markColumns.endRow();
  }
  markColumns.finish();
  return true;
}

}  // namespace heapprof::introspect
