// An analysis of two dumps, each by its own rows and pages; then row meets row.
//
// Invariant: `ask` never sees a baseline. Threads as `ask`'s; errors are its own, the newer dump's first.
#pragma once

#include <utility>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// changed() of both where the query has a baseline, else the one dump's result.
template <typename Result>
absl::StatusOr<Result> againstBase(absl::StatusOr<Result> (&ask)(const model::Query&, const Cancel&),
                                   const model::Query& query, const Cancel& cancel = {}) {
  model::Query alone = query;
  alone.baseline = nullptr;
  alone.baselineMode = model::BaselineMode::kNone;
  absl::StatusOr<Result> now = ask(alone, cancel);
  if (!now.ok() || query.baseline == nullptr) return now;
  alone.snapshot = query.baseline;
  const absl::StatusOr<Result> base = ask(alone, cancel);
  if (!base.ok()) return base.status();
  return changed(*std::move(now), *base);
}

}  // namespace heapprof::analysis
