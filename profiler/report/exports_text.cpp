#include "profiler/report/exports_text.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/pprof_header.h"
#include "profiler/report/utf8.h"

namespace heapprof::report {
namespace {

// A name is written once, with a number, and the number from then on: callgrind's own compression.
class Names {
 public:
  std::string operator()(const std::string& name) {
    auto [at, added] = ids_.try_emplace(name, ids_.size() + 1);
    if (!added) return absl::StrCat("(", at->second, ")");
    return absl::StrCat("(", at->second, ") ",
                        absl::StrReplaceAll(name.empty() ? "???" : name, {{"\n", " "}, {"\r", " "}}));
  }

 private:
  absl::flat_hash_map<std::string, std::size_t> ids_;
};

std::string dotQuoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(madeUtf8(text), {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

// "a::b::c" on lines of its own, as pprof does: a box need not be as wide as a name.
std::string inBox(absl::string_view name) {
  return absl::StrReplaceAll(name, {{"::", "::\n"}});
}

}  // namespace

std::string collapsedText(const model::Table& stacks) {
  std::string out;
  for (std::size_t row = 0; row < stacks.rows(); ++row) {
    absl::StrAppend(&out, madeUtf8(stacks.columns[0].texts[row]), " ", exactCell(stacks.columns[1], row),
                    "\n");
  }
  return out;
}

std::string callgrindText(const analysis::CallCosts& costs, const std::string& command) {
  using Place = analysis::CallCosts::Place;
  double total = 0;
  for (const Place& place : costs.places) total += std::max(place.self, 0.0);
  std::string out = absl::StrCat(
      "# callgrind format\nversion: 1\ncreator: heapprof\ncmd: ", absl::StrReplaceAll(command, {{"\n", " "}}),
      "\npositions: line\nevent: ", costs.metric, " : ", costs.metric, " (", costs.unit,
      ")\nevents: ", costs.metric, "\nsummary: ", exactNumber(total), "\n");
  Names files, functions;
  std::size_t call = 0;
  for (std::size_t i = 0; i < costs.places.size(); ++i) {
    const Place& place = costs.places[i];
    const bool calls = call < costs.calls.size() && costs.calls[call].from == i;
    if (place.self == 0 && !calls) continue;
    absl::StrAppend(&out, "\nfl=", files(place.file), "\n");
    absl::StrAppend(&out, "fn=", functions(place.function), "\n");
    absl::StrAppend(&out, place.line, " ", exactNumber(std::max(place.self, 0.0)), "\n");
    for (; call < costs.calls.size() && costs.calls[call].from == i; ++call) {
      if (costs.calls[call].weight < 0) continue;
      const Place& to = costs.places[costs.calls[call].to];
      absl::StrAppend(&out, "cfi=", files(to.file), "\n");
      absl::StrAppend(&out, "cfn=", functions(to.function), "\n");
      // How often is not known; readers take a call of none for no call.
      absl::StrAppend(&out, "calls=1 ", to.line, "\n", place.line, " ", exactNumber(costs.calls[call].weight),
                      "\n");
    }
  }
  return out;
}

std::string dotText(const model::Query& query, const analysis::CallGraph& graph) {
  const Figures figures(query, graph.top);
  const model::Table& table = graph.top.table;
  const model::Column& flat = *table.find("flat");
  const model::Column& cum = *table.find("cum");
  const model::Column& name = *table.find("name");
  const std::int64_t total = exact(graph.top.total);
  double most = 1, heaviest = 1;
  for (const double value : flat.values) most = std::max(most, std::fabs(value));
  for (const auto& edge : graph.edges) heaviest = std::max(heaviest, std::fabs(edge.weight));

  std::string out = absl::StrCat("digraph ", dotQuoted(graph.top.metric),
                                 " {\nnode [style=filled fillcolor=\"#f8f8f8\" shape=box fontname=\"sans\"]\n"
                                 "edge [fontname=\"sans\" fontsize=10]\n");
  absl::StrAppend(
      &out, "head [shape=box fontsize=14 label=", dotQuoted(graphHeader(query, graph.top, figures)), "]\n");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::int64_t own = exact(flat.values[row]), all = exact(cum.values[row]);
    std::string label = absl::StrCat(inBox(name.texts[row]), "\n", own == 0 ? "0" : figures(own), " (",
                                     absl::StripAsciiWhitespace(model::percentage(own, total)), ")");
    if (own != all) {
      absl::StrAppend(&label, "\nof ", figures(all), " (",
                      absl::StripAsciiWhitespace(model::percentage(all, total)), ")");
    }
    const double share = std::sqrt(std::fabs(flat.values[row]) / most);
    absl::StrAppendFormat(&out, "N%d [label=%s tooltip=%s fontsize=%d fillcolor=\"%s\"]\n", row + 1,
                          dotQuoted(label), dotQuoted(name.texts[row]), 8 + static_cast<int>(16 * share),
                          all < 0   ? "#cfe3f7"
                          : all > 0 ? "#f9ddc9"
                                    : "#f0f0f0");
  }
  for (const auto& edge : graph.edges) {
    const std::string weight = figures(exact(edge.weight));
    absl::StrAppendFormat(&out, "N%d -> N%d [label=%s penwidth=%.2f%s]\n", edge.from + 1, edge.to + 1,
                          dotQuoted(absl::StrCat(" ", weight, edge.inlined ? "\n (inline)" : "")),
                          1 + 5 * std::fabs(edge.weight) / heaviest, edge.inlined ? " style=dashed" : "");
  }
  return absl::StrCat(out, "}\n");
}

}  // namespace heapprof::report
