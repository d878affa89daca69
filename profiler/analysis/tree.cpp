#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <re2/re2.h>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/exports.h"
#include "profiler/analysis/filters.h"
#include "profiler/analysis/trimmed_graph.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

// The calls of each node, those into it and those out of it, heaviest first, equal ones by name.
class CallLists {
 public:
  CallLists(const TrimmedGraph& graph, const std::vector<Call>& calls)
      : names_(graph.nodes->size()), into_(graph.nodes->size()), outOf_(graph.nodes->size()) {
    for (const TrimmedGraph::Row& row : graph.rows) names_[row.node] = row.name;
    for (const Call& call : calls) {
      for (std::uint32_t node : {call.from, call.to}) {
        if (names_[node].empty()) names_[node] = graph.nodes->printableName(node);
      }
      into_[call.to].push_back({call.from, call.weight, call.inlined});
      outOf_[call.from].push_back({call.to, call.weight, call.inlined});
    }
    for (std::vector<std::vector<Line>>* lists : {&into_, &outOf_}) {
      for (std::vector<Line>& lines : *lists) {
        std::sort(lines.begin(), lines.end(), [this](const Line& a, const Line& b) {
          if (std::llabs(a.weight) != std::llabs(b.weight))
            return std::llabs(a.weight) > std::llabs(b.weight);
          if (names_[a.node] != names_[b.node]) return names_[a.node] < names_[b.node];
          return a.node < b.node;
        });
      }
    }
  }

  struct Line {
    std::uint32_t node;
    std::int64_t weight;
    bool inlined;
  };
  const std::vector<Line>& into(std::uint32_t node) const { return into_[node]; }
  const std::vector<Line>& outOf(std::uint32_t node) const { return outOf_[node]; }
  const std::string& name(std::uint32_t node) const { return names_[node]; }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<Line>> into_, outOf_;
};

// Light calls go, but not those into a function whose figures have cancelled out: pprof looks at calls into
// the functions of the graph, and such a one is no longer among them.
absl::StatusOr<std::vector<Call>> heavyCalls(const TrimmedGraph& graph) {
  absl::StatusOr<std::vector<Call>> calls = sumCalls(*graph.view, *graph.nodes, graph.onGraph, 0);
  if (!calls.ok()) return calls.status();
  std::vector<std::uint8_t> isRow(graph.nodes->size(), 0);
  for (const TrimmedGraph::Row& row : graph.rows) isRow[row.node] = 1;
  calls->erase(std::remove_if(calls->begin(), calls->end(),
                              [&](const Call& call) {
                                return isRow[call.to] != 0 && std::llabs(call.weight) < graph.edgeCutoff;
                              }),
               calls->end());
  return calls;
}

model::Table callTable(const std::vector<TrimmedGraph::Row>& rows, const NodeSums& sums,
                       const CallLists& lists, model::Unit unit) {
  using model::numberColumn;
  using model::textColumn;
  model::Column row = numberColumn("row", "Row", model::Unit::kCount, "the row of the function, from 0");
  model::Column function = textColumn("function", "Function", "the function whose calls these are");
  model::Column direction = textColumn("direction", "Direction", "caller: calls it; callee: called by it");
  model::Column name = textColumn("name", "Name", "the caller or callee");
  model::Column weight = numberColumn("weight", "Weight", unit, "what was allocated through this call");
  model::Column share = numberColumn("weight_fraction", "Weight %", model::Unit::kFraction,
                                     "weight as a share of what the function and all it called allocated");
  model::Column inlined =
      textColumn("inline_state", "Inlined", "inline where the call is inlined everywhere");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t node = rows[i].node;
    const double cum = static_cast<double>(sums.cum[node]);
    auto add = [&](const std::vector<CallLists::Line>& lines, const char* way) {
      for (const CallLists::Line& line : lines) {
        row.values.push_back(static_cast<double>(i));
        function.texts.push_back(rows[i].name);
        direction.texts.emplace_back(way);
        name.texts.push_back(lists.name(line.node));
        weight.values.push_back(static_cast<double>(line.weight));
        share.values.push_back(cum == 0 ? 0.0 : std::fabs(static_cast<double>(line.weight) / cum));
        inlined.texts.emplace_back(line.inlined ? "inline" : "");
      }
    };
    add(lists.into(node), "caller");
    add(lists.outOf(node), "callee");
  }
  model::Table table;
  table.id = "calls";
  table.title = "Callers and callees";
  table.columns = {std::move(row),    std::move(function), std::move(direction), std::move(name),
                   std::move(weight), std::move(share),    std::move(inlined)};
  return table;
}

std::vector<CallGraph::Edge> edgesOf(const std::vector<TrimmedGraph::Row>& rows,
                                     const std::vector<Call>& calls, std::size_t nodeCount) {
  std::vector<std::uint32_t> rowOf(nodeCount, kNone);
  for (std::uint32_t i = 0; i < rows.size(); ++i) rowOf[rows[i].node] = i;
  std::vector<CallGraph::Edge> edges;
  for (const Call& call : calls) {
    if (rowOf[call.from] == kNone || rowOf[call.to] == kNone) continue;
    edges.push_back({rowOf[call.from], rowOf[call.to], static_cast<double>(call.weight), call.inlined});
  }
  std::sort(edges.begin(), edges.end(), [](const CallGraph::Edge& a, const CallGraph::Edge& b) {
    const double left = std::fabs(a.weight), right = std::fabs(b.weight);
    return left != right ? left > right : std::tie(a.from, a.to) < std::tie(b.from, b.to);
  });
  return edges;
}

}  // namespace

absl::StatusOr<TreeResult> tree(const model::Query& query, absl::string_view regex, const Cancel& cancel) {
  absl::StatusOr<RegexPtr> wanted = compileRegex("peek", regex);
  if (!wanted.ok()) return wanted.status();
  absl::StatusOr<TrimmedGraph> graph = trimmedGraph(query, cancel);
  if (!graph.ok()) return graph.status();
  absl::StatusOr<std::vector<Call>> calls = heavyCalls(*graph);
  if (!calls.ok()) return calls.status();
  const std::vector<InlineState> inlined = inlineStatesOf(*calls, graph->nodes->size());

  TreeResult result;
  result.top = topResult(query, *graph, inlined);
  std::vector<TrimmedGraph::Row> listed;
  for (const TrimmedGraph::Row& row : graph->rows) {
    if (*wanted == nullptr || matches(**wanted, row.name)) listed.push_back(row);
  }
  if (*wanted != nullptr && listed.empty()) {
    return absl::NotFoundError(absl::StrCat(query.snapshot->path(), ": no function matches ", regex,
                                            "; heapprof top lists the names that are there"));
  }
  result.rows = nodeRows(*graph, listed, inlined);
  result.calls = callTable(listed, graph->sums, CallLists(*graph, *calls), unitOf(graph->view->unit()));
  return result;
}

absl::StatusOr<CallGraph> callGraph(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<TrimmedGraph> graph = trimmedGraph(query, cancel);
  if (!graph.ok()) return graph.status();
  absl::StatusOr<std::vector<Call>> calls = heavyCalls(*graph);
  if (!calls.ok()) return calls.status();
  CallGraph result;
  result.top = topResult(query, *graph, inlineStatesOf(*calls, graph->nodes->size()));
  result.edges = edgesOf(graph->rows, *calls, graph->nodes->size());
  return result;
}

}  // namespace heapprof::analysis
