// What purging achieved and what stands in its way: each purge is an experiment that the runtime scores.
//
// Invariant: as in analyses.h. What the dump does not say is unknown: a dump of a runtime that keeps no such
// account gives unknown figures and empty lists, not zeros.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct PurgeResult {
  struct Figure {
    const char* id;
    const char* title;
    model::Unit unit;
    absl::optional<double> value;
  };
  std::vector<Figure> figures;  // passes, advised, resident before, returned, refaulted, ...
  model::Table reasons;         // of the listed purges, by reason: sums, verdicts
  model::Table events;          // the last purges, oldest first
  model::Table ages;            // how old what was purged was when it was faulted back
  model::Table refusals;        // of forming huge pages, by cause: count, errno; most first
  model::Table blocked;         // resident free memory that is not purged, and why; most first
  model::Table pinnedBy;        // stacks whose objects pin most of it
  std::string answer;           // one sentence: whether purging paid
};

absl::StatusOr<PurgeResult> purges(const model::Query& query, const Cancel& cancel = {});

}  // namespace heapprof::analysis
