#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/node_sums.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Unit;

// pprof's order: by absolute value, then by name, then by the other figure, then by all fields. Names are
// made once a node and only for nodes that are kept.
struct Ranked {
  std::uint32_t node;
  std::int64_t first, second;
  std::string name;
};

std::vector<Ranked> rank(const NodeSums& sums, const NodeTable& nodes, const std::vector<std::uint32_t>& kept,
                         bool cumulative) {
  std::vector<Ranked> ranked;
  ranked.reserve(kept.size());
  for (std::uint32_t node : kept) {
    std::int64_t flat = std::llabs(sums.flat[node]), cum = std::llabs(sums.cum[node]);
    ranked.push_back({node, cumulative ? cum : flat, cumulative ? flat : cum, nodes.printableName(node)});
  }
  std::sort(ranked.begin(), ranked.end(), [&nodes](const Ranked& a, const Ranked& b) {
    if (a.first != b.first) return a.first > b.first;
    if (a.name != b.name) return a.name < b.name;
    if (a.second != b.second) return a.second > b.second;
    return nodes.sortKey(a.node) < nodes.sortKey(b.node);
  });
  return ranked;
}

std::int64_t cutoff(std::int64_t total, double fraction) {
  return std::llabs(static_cast<std::int64_t>(static_cast<double>(total) * fraction));
}

model::Table makeTable(const std::vector<Ranked>& ranked, const NodeSums& sums,
                       const std::vector<InlineState>& inlined, std::int64_t total, Unit unit) {
  model::Table table;
  table.id = "top";
  table.title = "Functions by what they hold";
  using model::numberColumn;
  model::Column flat = numberColumn("flat", "Flat", unit, "what this function itself allocated");
  model::Column flatShare =
      numberColumn("flat_fraction", "Flat %", Unit::kFraction, "flat as a share of the total");
  model::Column sum =
      numberColumn("sum_fraction", "Sum %", Unit::kFraction, "flat of this row and all above it");
  model::Column cum = numberColumn("cum", "Cum", unit, "what it and everything it called allocated");
  model::Column cumShare =
      numberColumn("cum_fraction", "Cum %", Unit::kFraction, "cum as a share of the total");
  model::Column name = model::textColumn("name", "Name", "the function, or what the granularity asks for");
  model::Column state = model::textColumn("inline_state", "Inlined", "inline, partial-inline, or empty");
  auto share = [total](std::int64_t value) {
    return total == 0 ? 0.0 : std::fabs(static_cast<double>(value) / static_cast<double>(total));
  };
  std::int64_t running = 0;
  for (const Ranked& row : ranked) {
    running += sums.flat[row.node];
    addWithError(flat, static_cast<double>(sums.flat[row.node]), std::sqrt(sums.flatVariance[row.node]));
    addKnown(flatShare, share(sums.flat[row.node]));
    addKnown(sum, share(running));
    addWithError(cum, static_cast<double>(sums.cum[row.node]), std::sqrt(sums.cumVariance[row.node]));
    addKnown(cumShare, share(sums.cum[row.node]));
    name.texts.push_back(row.name);
    static constexpr const char* kStates[] = {"", "inline", "partial-inline"};
    state.texts.emplace_back(kStates[static_cast<std::size_t>(inlined[row.node])]);
  }
  table.columns = {std::move(flat),     std::move(flatShare), std::move(sum),  std::move(cum),
                   std::move(cumShare), std::move(name),      std::move(state)};
  return table;
}

}  // namespace

absl::StatusOr<TopResult> top(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSubtract, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  absl::StatusOr<NodeSums> sums = sumNodes(**view, nodes);
  if (!sums.ok()) return sums.status();

  std::vector<std::uint32_t> kept;
  std::vector<std::uint8_t> onGraph(nodes.size(), 1);
  std::int64_t flatTotal = std::accumulate(sums->flat.begin(), sums->flat.end(), std::int64_t{0});
  const std::int64_t nodeCutoff = cutoff(flatTotal, query.nodeFraction);
  TopResult result;
  for (std::uint32_t node = 0; node < nodes.size(); ++node) {
    if (sums->flat[node] == 0 && sums->cum[node] == 0) continue;
    if (nodeCutoff > 0 && std::llabs(sums->cum[node]) < nodeCutoff) {
      ++result.droppedNodes;
    } else {
      kept.push_back(node);
    }
  }
  result.keptNodes = kept.size();
  std::vector<Ranked> ranked = rank(*sums, nodes, kept, query.cumulative);
  const bool cutOff = query.nodeCount > 0 && query.nodeCount < ranked.size();
  if (cutOff) ranked.resize(query.nodeCount);
  if (cutOff || result.droppedNodes > 0) {
    onGraph.assign(nodes.size(), 0);
    for (const Ranked& row : ranked) onGraph[row.node] = 1;
  }
  absl::StatusOr<std::vector<InlineState>> inlined =
      inlineStates(**view, nodes, onGraph, cutoff(flatTotal, query.edgeFraction));
  if (!inlined.ok()) return inlined.status();

  result.unit = (*view)->unit();
  result.metric = (*view)->metric();
  result.total = static_cast<double>((*view)->total());
  for (const Ranked& row : ranked) result.shownFlat += static_cast<double>(sums->flat[row.node]);
  result.dropBelowCum = static_cast<double>(cutoff((*view)->total(), query.nodeFraction));
  result.table = makeTable(ranked, *sums, *inlined, (*view)->total(), unitOf(result.unit));
  result.table.notes = (*view)->notes();
  return result;
}

model::Unit unitOf(absl::string_view sampleUnit) {
  if (sampleUnit == "bytes" || sampleUnit == "byte") return Unit::kBytes;
  return sampleUnit == "nanoseconds" ? Unit::kNanoseconds : Unit::kCount;
}

}  // namespace heapprof::analysis
