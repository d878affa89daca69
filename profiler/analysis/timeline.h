// How the heap's figures went while the program ran: the rows that the runtime recorded, and what the program
// marked.
//
// Invariant: as in analyses.h. Times are nanoseconds since the program's start and never fall. A column that
// the dump does not hold is unknown in each row, not zero.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct TimelineResult {
  model::Table rows;   // time, rss, live, dirty, purged, huge, allocated, allocation_rate
  model::Table marks;  // time, name
};

// FailedPrecondition where the dump holds no timeline: how one is recorded.
absl::StatusOr<TimelineResult> timeline(const model::Query& query);

// A time since the start for a person, in the form that `span` asks for: "0.35 s", "12:06", "1:00:12",
// "3d 01:00:12".
std::string sinceStart(double nanos, double spanNanos);

// When it began, "2026-11-27 02:10:08+00:00"; "" where the dump does not say.
std::string startedAt(const model::Snapshot& snapshot);

}  // namespace heapprof::analysis
