// One dump as rows for a database that holds a fleet's: who and when, stacks, what they hold and pin, size
// classes, huge pages, purging.
//
// Invariant: figures are those of the analyses that the verbs print (row_groups, fragmentation); every row
// has the keys of its dump, so that most questions need no join; ids are texts of 16 hex digits that depend
// on what they name alone, so a stack has one id in all exports, and a process and a dump, too. Column ids
// end in their unit; a figure that a dump does not hold is unknown. What has
// no frame has no row. Pure, thread-safe.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// Whether an earlier dump of the export has said already what this stack_id is.
using IsKnownStack = std::function<bool(absl::string_view)>;

// dumps (one row), stacks, frames, samples, pins, size_classes, huge_pages, purges: always all of them, in
// this order and with the same columns, whatever the dump holds. Of the query's snapshot alone. Known stacks
// have no rows in stacks and frames: a fleet has few, and to name them again for each dump costs a third.
absl::StatusOr<std::vector<model::Table>> fleetTables(const model::Query& query,
                                                      const IsKnownStack& isKnown = {},
                                                      const Cancel& cancel = {});

}  // namespace heapprof::analysis
