#include "profiler/analysis/trimmed_graph.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Unit;
using Row = TrimmedGraph::Row;

// pprof's order: by absolute value, then by name, then by the other figure, then by all fields.
std::vector<Row> rank(const NodeSums& sums, const NodeTable& nodes, const std::vector<std::uint32_t>& kept,
                      bool cumulative) {
  std::vector<Row> ranked;
  ranked.reserve(kept.size());
  for (std::uint32_t node : kept) {
    std::int64_t flat = std::llabs(sums.flat[node]), cum = std::llabs(sums.cum[node]);
    ranked.push_back({node, cumulative ? cum : flat, cumulative ? flat : cum, nodes.printableName(node)});
  }
  std::sort(ranked.begin(), ranked.end(), [&nodes](const Row& a, const Row& b) {
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

model::Table makeTable(const std::vector<Row>& ranked, const NodeSums& sums,
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
  for (const Row& row : ranked) {
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

absl::StatusOr<TrimmedGraph> trimmedGraph(const model::Query& query, const Cancel& cancel) {
  TrimmedGraph graph;
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSubtract, cancel);
  if (!view.ok()) return view.status();
  graph.view = *std::move(view);
  graph.nodes = std::make_unique<NodeTable>(*graph.view, query.granularity, query.noInlines);
  absl::StatusOr<NodeSums> sums = sumNodes(*graph.view, *graph.nodes);
  if (!sums.ok()) return sums.status();
  graph.sums = *std::move(sums);

  std::vector<std::uint32_t> kept;
  const std::vector<std::int64_t>& flat = graph.sums.flat;
  const std::int64_t flatTotal = std::accumulate(flat.begin(), flat.end(), std::int64_t{0});
  const std::int64_t nodeCutoff = cutoff(flatTotal, query.nodeFraction);
  graph.edgeCutoff = cutoff(flatTotal, query.edgeFraction);
  for (std::uint32_t node = 0; node < graph.nodes->size(); ++node) {
    if (flat[node] == 0 && graph.sums.cum[node] == 0) continue;
    if (nodeCutoff > 0 && std::llabs(graph.sums.cum[node]) < nodeCutoff) {
      ++graph.droppedNodes;
    } else {
      kept.push_back(node);
    }
  }
  graph.keptNodes = kept.size();
  graph.rows = rank(graph.sums, *graph.nodes, kept, query.cumulative);
  const bool cutOff = query.nodeCount > 0 && query.nodeCount < graph.rows.size();
  if (cutOff) graph.rows.resize(query.nodeCount);
  graph.onGraph.assign(graph.nodes->size(), 1);
  if (cutOff || graph.droppedNodes > 0) {
    graph.onGraph.assign(graph.nodes->size(), 0);
    for (const Row& row : graph.rows) graph.onGraph[row.node] = 1;
  }
  return graph;
}

model::Table nodeRows(const TrimmedGraph& graph, const std::vector<Row>& rows,
                      const std::vector<InlineState>& inlined) {
  return makeTable(rows, graph.sums, inlined, graph.view->total(), unitOf(graph.view->unit()));
}

TopResult topResult(const model::Query& query, const TrimmedGraph& graph,
                    const std::vector<InlineState>& inlined) {
  TopResult result;
  result.droppedNodes = graph.droppedNodes;
  result.keptNodes = graph.keptNodes;
  result.unit = graph.view->unit();
  result.metric = graph.view->metric();
  result.total = static_cast<double>(graph.view->total());
  for (const Row& row : graph.rows) result.shownFlat += static_cast<double>(graph.sums.flat[row.node]);
  result.dropBelowCum = static_cast<double>(cutoff(graph.view->total(), query.nodeFraction));
  result.table = nodeRows(graph, graph.rows, inlined);
  result.table.notes = graph.view->notes();
  return result;
}

}  // namespace heapprof::analysis
