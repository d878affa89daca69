// `changed()`: fragmentation of two dumps, row by row.
#include "profiler/analysis/analyses.h"
#include "profiler/analysis/table_change.h"

namespace heapprof::analysis {

FragResult changed(FragResult now, const FragResult& base) {
  now.levels = withChange(now.levels, base.levels, {"id"}, "bytes", ChangeOrder::kAsBefore);
  now.stacks = withChange(now.stacks, base.stacks, {"owner", "stack"}, "pins", ChangeOrder::kLargestFirst);
  now.classes = withChange(now.classes, base.classes, {"class_size"}, "free", ChangeOrder::kLargestFirst);
  now.occupancy = withChange(now.occupancy, base.occupancy, {"full"}, "count", ChangeOrder::kAsBefore);
  now.baseResident = base.resident;
  now.baseLive = base.live;
  return now;
}

}  // namespace heapprof::analysis
