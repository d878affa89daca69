// What other tools take: stacks as lines, the call graph as a picture, places with their calls, samples as
// rows. `heapprof convert` writes them.
//
// Invariant: as in analyses.h. Sums are those of `top` and `tree` under the same query.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// Stacks by name, root first, ";" between frames, sorted: stack, value.
absl::StatusOr<model::Table> collapsedStacks(const model::Query& query, const Cancel& cancel = {});

// The samples with all their values: a column a sample type, a column a label, stack.
absl::StatusOr<SamplesResult> sampleRows(const model::Query& query, const Cancel& cancel = {});

// The trimmed graph for a picture: functions as top lists them, calls between these, heaviest first. By row,
// as two functions may print alike.
struct CallGraph {
  struct Edge {
    std::uint32_t from = 0, to = 0;  // rows of top.table
    double weight = 0;
    bool inlined = false;
  };
  TopResult top;
  std::vector<Edge> edges;
};
absl::StatusOr<CallGraph> callGraph(const model::Query& query, const Cancel& cancel = {});

// Places in the source with what they hold themselves and through calls, as callgrind counts.
struct CallCosts {
  struct Place {
    std::string file, function;
    std::int64_t line = 0;
    double self = 0;
  };
  struct Call {
    std::uint32_t from = 0, to = 0;  // rows of places
    double weight = 0;
  };
  std::vector<Place> places;  // by file, function, line
  std::vector<Call> calls;    // by from, to
  std::string metric, unit;
  std::vector<std::string> notes;
};
absl::StatusOr<CallCosts> callCosts(const model::Query& query, const Cancel& cancel = {});

}  // namespace heapprof::analysis
