// The heap's pages as tables: sums by kind of extent, a row a huge page, a row an extent.
// Invariant: as in analyses.h; the rows of `pages` are those of heapMap(), in its order.
#pragma once

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct MapTables {
  model::Table kinds;    // kind, extents, bytes, resident, live_objects
  model::Table pages;    // start, kernel, used, live, resident, age, change (with a baseline)
  model::Table extents;  // start, length, kind, class_size, live_objects, capacity, resident
};

absl::StatusOr<MapTables> mapTables(const model::Query& query, const HeapMap& map);

}  // namespace heapprof::analysis
