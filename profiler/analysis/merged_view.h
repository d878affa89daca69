// A query's samples as pprof's merge makes them: equal ones joined over all metrics, zero ones gone, the base
// subtracted, before any filter. For reports that list samples themselves (traces, tags, raw), which must
// show each once and in pprof's order; sums do not need it and are cheaper without.
//
// Invariant: query has one snapshot, the merged one, and no baseline. With -diff_base the base's samples stay
// apart, under pprof's own label.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/stack_view.h"

namespace heapprof::analysis {

struct MergedView {
  model::Query query;
  std::unique_ptr<StackView> view;  // kEverySample
  std::int64_t total = 0;           // as pprof counts it, before filters
};

// The table with what its view says of itself.
SamplesResult samplesResult(const MergedView& merged, model::Table table);

absl::StatusOr<MergedView> mergedView(const model::Query& query, const Cancel& cancel);

}  // namespace heapprof::analysis
