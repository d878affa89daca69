#include "profiler/analysis/analyses.h"
#include "profiler/analysis/trimmed_graph.h"

namespace heapprof::analysis {

absl::StatusOr<TopResult> top(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<TrimmedGraph> graph = trimmedGraph(query, cancel);
  if (!graph.ok()) return graph.status();
  absl::StatusOr<std::vector<InlineState>> inlined =
      inlineStates(*graph->view, *graph->nodes, graph->onGraph, graph->edgeCutoff);
  if (!inlined.ok()) return inlined.status();
  return topResult(query, *graph, *inlined);
}

model::Unit unitOf(absl::string_view sampleUnit) {
  if (sampleUnit == "bytes" || sampleUnit == "byte") return model::Unit::kBytes;
  return sampleUnit == "nanoseconds" ? model::Unit::kNanoseconds : model::Unit::kCount;
}

}  // namespace heapprof::analysis
