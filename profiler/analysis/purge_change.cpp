// `changed()`: what purging did by two dumps, row by row.
#include "profiler/analysis/purge.h"
#include "profiler/analysis/table_change.h"

namespace heapprof::analysis {

PurgeResult changed(PurgeResult now, const PurgeResult& base) {
  for (std::size_t i = 0; i < now.figures.size(); ++i) now.figures[i].base = base.figures[i].value;
  now.blocked = withChange(now.blocked, base.blocked, {"id"}, "bytes", ChangeOrder::kAsBefore);
  now.refusals = withChange(now.refusals, base.refusals, {"errno"}, "count", ChangeOrder::kAsBefore);
  for (std::size_t i = 0; i < now.histograms.size(); ++i) {
    now.histograms[i] =
        withChange(now.histograms[i], base.histograms[i], {"from"}, "count", ChangeOrder::kAsBefore);
  }
  // Without a map of the heap nobody is named, and the list has no columns.
  if (now.pinnedBy.find("pins") != nullptr && base.pinnedBy.find("pins") != nullptr) {
    now.pinnedBy =
        withChange(now.pinnedBy, base.pinnedBy, {"owner", "stack"}, "pins", ChangeOrder::kLargestFirst);
  }
  return now;
}

}  // namespace heapprof::analysis
