#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/label_reader.h"
#include "profiler/analysis/merged_view.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {

absl::StatusOr<SamplesResult> tags(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<MergedView> merged = mergedView(query, cancel);
  if (!merged.ok()) return merged.status();
  StackView& view = *merged->view;
  view.labels().learnUnits();
  std::map<std::string, std::map<std::string, std::int64_t>> sums;
  absl::Status walked = view.forEach([&](const StackSample& sample) {
    forEachLabel(*merged->query.snapshot, sample.row, [&](const Label& label) {
      const std::string value =
          label.isText ? std::string(label.text)
                       : model::scaledLabel(label.number, view.labels().unit(label.key), query.unit);
      sums[std::string(label.key)][value] += sample.value;
    });
  });
  if (!walked.ok()) return walked;

  const model::Unit unit = unitOf(view.unit());
  model::Column key = model::textColumn("key", "Label", "the label's key");
  model::Column value = model::textColumn("value", "Value", "the label's value");
  model::Column sum = model::numberColumn("sum", "Sum", unit, "of the samples with this value");
  model::Column keyTotal =
      model::numberColumn("key_total", "Total of label", unit, "of the samples with this key");
  for (const auto& [name, values] : sums) {
    std::vector<std::pair<std::string, std::int64_t>> rows(values.begin(), values.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return std::llabs(a.second) > std::llabs(b.second);
    });
    std::int64_t total = 0;
    for (const auto& row : rows) total += row.second;
    for (const auto& [text, amount] : rows) {
      key.texts.push_back(name);
      value.texts.push_back(text);
      sum.values.push_back(static_cast<double>(amount));
      keyTotal.values.push_back(static_cast<double>(total));
    }
  }
  model::Table table;
  table.id = "tags";
  table.title = "Labels and what their samples hold";
  table.columns = {std::move(key), std::move(value), std::move(sum), std::move(keyTotal)};
  return samplesResult(*merged, std::move(table));
}

}  // namespace heapprof::analysis
