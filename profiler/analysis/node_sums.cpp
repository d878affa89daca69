#include "profiler/analysis/node_sums.h"

#include <cstdlib>
#include <limits>

#include "absl/container/flat_hash_map.h"

namespace heapprof::analysis {
namespace {

void addTo(std::int64_t& sum, std::int64_t value) {
  sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(value));
}

struct Weighed {
  std::int64_t weight = 0;
  bool inlined = true;
  std::uint64_t lastSample = 0;  // a call is counted once a sample
};

}  // namespace

absl::StatusOr<NodeSums> sumNodes(const StackView& view, const NodeTable& nodes) {
  NodeSums sums;
  sums.flat.assign(nodes.size(), 0);
  sums.cum.assign(nodes.size(), 0);
  sums.flatVariance.assign(nodes.size(), 0);
  sums.cumVariance.assign(nodes.size(), 0);
  std::vector<std::uint64_t> lastSample(nodes.size(), 0);
  std::uint64_t serial = 0;
  auto add = [&](std::int64_t value, double variance, absl::Span<const std::uint32_t> stack) {
    ++serial;
    for (std::uint32_t location : stack) {
      for (std::uint32_t node : nodes.nodesOf(location)) {
        if (lastSample[node] == serial) continue;
        lastSample[node] = serial;
        addTo(sums.cum[node], value);
        sums.cumVariance[node] += variance;
      }
    }
    std::uint32_t leaf = nodes.nodesOf(stack.front()).front();
    addTo(sums.flat[leaf], value);
    sums.flatVariance[leaf] += variance;
  };
  // Variances are added sample by sample: as floating-point numbers their sum depends on the order.
  absl::Status walked =
      view.hasVariances()
          ? view.forEach([&](const StackSample& sample) { add(sample.value, sample.variance, sample.stack); })
          : view.forEachStack([&](std::int64_t value, absl::Span<const std::uint32_t> stack) {
              add(value, std::numeric_limits<double>::quiet_NaN(), stack);
            });
  if (!walked.ok()) return walked;
  return sums;
}

absl::StatusOr<std::vector<Call>> sumCalls(const StackView& view, const NodeTable& nodes,
                                           const std::vector<std::uint8_t>& kept, std::int64_t edgeCutoff) {
  absl::flat_hash_map<std::uint64_t, Weighed> weighed;
  std::uint64_t serial = 0;
  absl::Status walked = view.forEachStack([&](std::int64_t value, absl::Span<const std::uint32_t> stack) {
    ++serial;
    std::uint32_t parent = kNone;
    for (std::size_t i = stack.size(); i-- > 0;) {
      absl::Span<const std::uint32_t> frames = nodes.nodesOf(stack[i]);
      for (std::size_t frame = frames.size(); frame-- > 0;) {
        const std::uint32_t node = frames[frame];
        if (!kept[node]) continue;
        if (parent != kNone && parent != node) {
          Weighed& call = weighed[(std::uint64_t{parent} << 32) | node];
          if (call.lastSample != serial) {
            call.lastSample = serial;
            addTo(call.weight, value);
            call.inlined = call.inlined && frame + 1 != frames.size();
          }
        }
        parent = node;
      }
    }
  });
  if (!walked.ok()) return walked;
  std::vector<Call> calls;
  for (const auto& [key, call] : weighed) {
    if (std::llabs(call.weight) < edgeCutoff) continue;
    calls.push_back(
        {static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key), call.weight, call.inlined});
  }
  return calls;
}

absl::StatusOr<std::vector<InlineState>> inlineStates(const StackView& view, const NodeTable& nodes,
                                                      const std::vector<std::uint8_t>& kept,
                                                      std::int64_t edgeCutoff) {
  if (!nodes.hasInlines()) return std::vector<InlineState>(nodes.size(), InlineState::kCalled);
  absl::StatusOr<std::vector<Call>> calls = sumCalls(view, nodes, kept, edgeCutoff);
  if (!calls.ok()) return calls.status();
  return inlineStatesOf(*calls, nodes.size());
}

std::vector<InlineState> inlineStatesOf(const std::vector<Call>& calls, std::size_t nodeCount) {
  std::vector<InlineState> states(nodeCount, InlineState::kCalled);
  std::vector<std::uint8_t> inlined(nodeCount, 0), called(nodeCount, 0);
  for (const Call& call : calls) (call.inlined ? inlined : called)[call.to] = 1;
  for (std::size_t i = 0; i < nodeCount; ++i) {
    if (inlined[i]) states[i] = called[i] ? InlineState::kPartial : InlineState::kInline;
  }
  return states;
}

}  // namespace heapprof::analysis
