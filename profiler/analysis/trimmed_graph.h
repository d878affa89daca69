// The call graph as pprof trims it: nodes lighter than a share of the total go, then all but the heaviest,
// and calls between what is left are joined over what went. `top`, `tree` and `peek` are lists of it.
//
// Invariant: rows are in pprof's order (by absolute value, then by name); onGraph marks their nodes; the view
// and the node table live as long as the graph. Built once, immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/node_sums.h"

namespace heapprof::analysis {

struct TrimmedGraph {
  struct Row {
    std::uint32_t node;
    std::int64_t first, second;  // what it is ordered by, absolute
    std::string name;            // made once a node, and only for nodes that are kept
  };

  std::unique_ptr<StackView> view;
  std::unique_ptr<NodeTable> nodes;
  NodeSums sums;
  std::vector<Row> rows;
  std::vector<std::uint8_t> onGraph;
  std::size_t droppedNodes = 0;
  std::size_t keptNodes = 0;    // after dropping, before nodeCount cut them off
  std::int64_t edgeCutoff = 0;  // calls below this are not shown and do not count
};

absl::StatusOr<TrimmedGraph> trimmedGraph(const model::Query& query, const Cancel& cancel);

// A table of these rows, with a running sum.
model::Table nodeRows(const TrimmedGraph& graph, const std::vector<TrimmedGraph::Row>& rows,
                      const std::vector<InlineState>& inlined);

// What a report of the graph says: its rows, its totals, what was dropped.
TopResult topResult(const model::Query& query, const TrimmedGraph& graph,
                    const std::vector<InlineState>& inlined);

}  // namespace heapprof::analysis
