// One dump as rows for a database that holds a fleet's: who and when, stacks, what they hold and pin, size
// classes, huge pages, purging.
//
// Invariant: figures are those of the analyses that the verbs print (row_groups, fragmentation); every row
// has the keys of its dump, so that most questions need no join; ids are texts of 16 hex digits that depend
// on what they name alone, so a stack has one id in all exports, and a process and a dump, too. Column ids
// end in their unit; a figure that a dump does not hold is unknown. What has
// no frame has no row. Pure, thread-safe.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// dumps (one row), stacks, frames, samples, pins, size_classes, huge_pages, purges: always all of them, in
// this order and with the same columns, whatever the dump holds. Of the query's snapshot alone.
absl::StatusOr<std::vector<model::Table>> fleetTables(const model::Query& query, const Cancel& cancel = {});

}  // namespace heapprof::analysis
