#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/label_reader.h"
#include "profiler/analysis/merged_view.h"
#include "profiler/analysis/node_table.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

// "      key:  value value", strings first, then numbers with their key's unit; each kind by its line's text.
std::string labelLines(const MergedView& merged, std::size_t row) {
  std::map<absl::string_view, std::vector<std::string>> texts, numbers;
  forEachLabel(*merged.query.snapshot, row, [&](const Label& label) {
    if (label.isText) {
      texts[label.key].emplace_back(label.text);
    } else {
      numbers[label.key].push_back(
          model::scaledLabel(label.number, merged.view->labels().unit(label.key), "auto"));
    }
  });
  std::vector<std::string> all;
  for (const auto* kind : {&texts, &numbers}) {
    std::vector<std::string> lines;
    for (const auto& [key, values] : *kind) {
      lines.push_back(absl::StrFormat("%10s:  %s", key, absl::StrJoin(values, " ")));
    }
    std::sort(lines.begin(), lines.end());
    all.insert(all.end(), lines.begin(), lines.end());
  }
  return absl::StrJoin(all, "\n");
}

}  // namespace

absl::StatusOr<SamplesResult> traces(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<MergedView> merged = mergedView(query, cancel);
  if (!merged.ok()) return merged.status();
  StackView& view = *merged->view;
  view.labels().learnUnits();
  const NodeTable nodes(view, query.granularity, query.noInlines);
  std::vector<std::string> names(nodes.size());
  for (std::uint32_t node = 0; node < nodes.size(); ++node) names[node] = nodes.printableName(node);

  model::Column value = model::numberColumn("value", "Value", unitOf(view.unit()), "what the stack holds");
  model::Column labels = model::textColumn("labels", "Labels", "the sample's labels, one a line");
  model::Column stack =
      model::textColumn("stack", "Stack", "innermost frame first, one a line; (inline) where it was inlined");
  absl::Status walked = view.forEach([&](const StackSample& sample) {
    std::vector<std::string> lines;
    for (std::uint32_t location : sample.stack) {
      absl::Span<const std::uint32_t> frames = nodes.nodesOf(location);
      for (std::size_t i = 0; i < frames.size(); ++i) {
        lines.push_back(absl::StrCat(names[frames[i]], i + 1 == frames.size() ? "" : " (inline)"));
      }
    }
    value.values.push_back(static_cast<double>(sample.value));
    labels.texts.push_back(labelLines(*merged, sample.row));
    stack.texts.push_back(absl::StrJoin(lines, "\n"));
  });
  if (!walked.ok()) return walked;
  model::Table table;
  table.id = "traces";
  table.title = "Samples with their stacks";
  table.columns = {std::move(value), std::move(labels), std::move(stack)};
  return samplesResult(*merged, std::move(table));
}

}  // namespace heapprof::analysis
