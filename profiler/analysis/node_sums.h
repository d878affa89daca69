// Flat and cumulative sums a node, with their variances: the heart of `top`. A node that occurs several times
// in a stack (recursion) is counted once for cum; flat goes to the leaf.
//
// Invariant: plain data, indexed by NodeTable's numbers. Exact integers, summed modulo 2^64 as pprof does.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/node_table.h"
#include "profiler/analysis/stack_view.h"

namespace heapprof::analysis {

struct NodeSums {
  std::vector<std::int64_t> flat, cum;
  std::vector<double> flatVariance, cumVariance;  // NaN where one of the samples has none
};

absl::StatusOr<NodeSums> sumNodes(const StackView& view, const NodeTable& nodes);

// A call between two kept nodes; frames of nodes that are not kept are passed over. Counted once a sample,
// and never from a node to itself.
struct Call {
  std::uint32_t from, to;
  std::int64_t weight;
  bool inlined;  // at each of its places
};

// Those whose weight reaches `edgeCutoff`, in no order.
absl::StatusOr<std::vector<Call>> sumCalls(const StackView& view, const NodeTable& nodes,
                                           const std::vector<std::uint8_t>& kept, std::int64_t edgeCutoff);

// How a node is called: by inlining only, by real calls too, or not (by calls that are heavy enough to
// count).
enum class InlineState : std::uint8_t { kCalled, kInline, kPartial };

std::vector<InlineState> inlineStatesOf(const std::vector<Call>& calls, std::size_t nodeCount);
// The same without the calls; free where the dump has no inlined frames.
absl::StatusOr<std::vector<InlineState>> inlineStates(const StackView& view, const NodeTable& nodes,
                                                      const std::vector<std::uint8_t>& kept,
                                                      std::int64_t edgeCutoff);

}  // namespace heapprof::analysis
