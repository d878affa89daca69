#include "profiler/analysis/exports.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "profiler/analysis/label_reader.h"
#include "profiler/analysis/merged_view.h"
#include "profiler/analysis/node_sums.h"
#include "profiler/analysis/stack_groups.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

// Labels become columns as they are met; a sample that lacks one has no such figure.
class LabelColumns {
 public:
  void addRow(const model::Snapshot& snapshot, std::size_t row) {
    std::map<std::string, std::string> texts;
    std::map<std::string, double> numbers;
    forEachLabel(snapshot, row, [&](const Label& label) {
      const std::string key(label.key);
      if (label.isText) {
        std::string& text = texts[key];
        absl::StrAppend(&text, text.empty() ? "" : " ", label.text);
      } else {
        numbers[key] = static_cast<double>(label.number);
      }
    });
    for (const auto& [key, text] : texts) {
      model::Column& column = columnOf(&texts_, key, model::Unit::kText);
      column.texts.push_back(text);
      column.known.push_back(1);
    }
    for (const auto& [key, number] : numbers) {
      model::Column& column = columnOf(
          &numbers_, key, key == "bytes" || key == "request" ? model::Unit::kBytes : model::Unit::kCount);
      column.values.push_back(number);
      column.known.push_back(1);
    }
    ++rows_;
    for (auto* columns : {&texts_, &numbers_}) {
      for (auto& [key, column] : *columns) {
        if (column.size() < rows_) addBlank(column);
      }
    }
  }

  void moveTo(model::Table* table) {
    for (auto* columns : {&texts_, &numbers_}) {
      for (auto& [key, column] : *columns) table->columns.push_back(std::move(column));
    }
  }

 private:
  model::Column& columnOf(std::map<std::string, model::Column>* columns, const std::string& key,
                          model::Unit unit) {
    auto [at, added] = columns->try_emplace(key);
    if (added) {
      at->second = model::numberColumn(absl::StrCat("label_", key, columns == &texts_ ? "" : "_number"), key,
                                       unit, "the sample's label");
      while (at->second.size() < rows_) addBlank(at->second);
    }
    return at->second;
  }

  std::map<std::string, model::Column> texts_, numbers_;
  std::size_t rows_ = 0;
};

}  // namespace

absl::StatusOr<SamplesResult> sampleRows(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<MergedView> merged = mergedView(query, cancel);
  if (!merged.ok()) return merged.status();
  StackView& view = *merged->view;
  const model::Snapshot& snapshot = view.snapshot(0);
  const formats::ProfileColumns& columns = snapshot.columns();
  const NodeTable nodes(view, query.granularity, query.noInlines);
  const FrameNames names(view, nodes);
  model::Table table;
  table.id = "samples";
  table.title = "Samples";
  const std::size_t types = columns.sampleTypes.size();
  for (std::size_t i = 0; i < types; ++i) {
    const std::string name(snapshot.text(columns.sampleTypes[i].type));
    table.columns.push_back(
        model::numberColumn(name, name, unitOf(snapshot.sampleTypeUnit(i)), "the sample's value"));
  }
  LabelColumns labels;
  model::Column stack = model::textColumn("stack", "Stack", "innermost frame first, one a line");
  std::vector<std::uint32_t> frames;
  absl::Status walked = view.forEach([&](const StackSample& sample) {
    for (std::size_t i = 0; i < types; ++i) {
      table.columns[i].values.push_back(static_cast<double>(columns.samples.values[sample.row * types + i]));
    }
    labels.addRow(snapshot, sample.row);
    frames.clear();
    for (const std::uint32_t location : sample.stack) {
      const absl::Span<const std::uint32_t> own = nodes.nodesOf(location);
      frames.insert(frames.end(), own.begin(), own.end());
    }
    stack.texts.push_back(names.joined(frames));
  });
  if (!walked.ok()) return walked;
  labels.moveTo(&table);
  table.columns.push_back(std::move(stack));
  return samplesResult(*merged, std::move(table));
}

absl::StatusOr<model::Table> collapsedStacks(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSubtract, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  const FrameNames names(**view, nodes);
  std::vector<std::string> frameText(nodes.size());
  for (std::uint32_t node = 0; node < nodes.size(); ++node) {
    frameText[node] = absl::StrReplaceAll(names[node], {{";", ":"}, {"\n", " "}, {"\r", " "}});
  }
  std::map<std::string, std::int64_t> sums;
  std::string line;
  absl::Status walked = (*view)->forEachStack([&](std::int64_t value, absl::Span<const std::uint32_t> stack) {
    line.clear();
    for (std::size_t i = stack.size(); i-- > 0;) {
      const absl::Span<const std::uint32_t> frames = nodes.nodesOf(stack[i]);
      for (std::size_t frame = frames.size(); frame-- > 0;) {
        absl::StrAppend(&line, line.empty() ? "" : ";", frameText[frames[frame]]);
      }
    }
    sums[line] += value;
  });
  if (!walked.ok()) return walked;
  model::Table table;
  table.id = "stacks";
  table.title = "Stacks";
  table.notes = (*view)->notes();
  table.columns = {
      model::textColumn("stack", "Stack", "outermost frame first, a semicolon between frames"),
      model::numberColumn("value", (*view)->metric(), unitOf((*view)->unit()), "what the stack holds")};
  for (const auto& [stack, value] : sums) {
    if (value == 0) continue;
    table.columns[0].texts.push_back(stack);
    table.columns[1].values.push_back(static_cast<double>(value));
  }
  return table;
}

absl::StatusOr<CallCosts> callCosts(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSubtract, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, model::Granularity::kLines, query.noInlines);
  absl::StatusOr<NodeSums> sums = sumNodes(**view, nodes);
  if (!sums.ok()) return sums.status();
  absl::StatusOr<std::vector<Call>> calls =
      sumCalls(**view, nodes, std::vector<std::uint8_t>(nodes.size(), 1), 0);
  if (!calls.ok()) return calls.status();

  CallCosts costs;
  costs.metric = (*view)->metric();
  costs.unit = (*view)->unit();
  costs.notes = (*view)->notes();
  const StringPool& strings = (*view)->locations().strings();
  std::vector<CallCosts::Place> places(nodes.size());
  for (std::uint32_t node = 0; node < nodes.size(); ++node) {
    const NodeInfo& info = nodes.info(node);
    places[node] = {std::string(strings[info.file]),
                    info.name == 0 ? nodes.printableName(node) : std::string(strings[info.name]), info.line,
                    static_cast<double>(sums->flat[node])};
  }
  std::vector<std::uint32_t> order(nodes.size()), rankOf(nodes.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&places](std::uint32_t a, std::uint32_t b) {
    const CallCosts::Place &left = places[a], &right = places[b];
    return std::tie(left.file, left.function, left.line, a) <
           std::tie(right.file, right.function, right.line, b);
  });
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    rankOf[order[i]] = i;
    costs.places.push_back(std::move(places[order[i]]));
  }
  for (const Call& call : *calls) {
    costs.calls.push_back({rankOf[call.from], rankOf[call.to], static_cast<double>(call.weight)});
  }
  std::sort(costs.calls.begin(), costs.calls.end(), [](const CallCosts::Call& a, const CallCosts::Call& b) {
    return std::tie(a.from, a.to) < std::tie(b.from, b.to);
  });
  return costs;
}

}  // namespace heapprof::analysis
