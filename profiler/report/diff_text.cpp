#include "profiler/report/diff_text.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/dump_text.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The sum of the metric, then the totals: those a person asks for first, or all of them.
std::string totalsText(const DiffView& view) {
  const DiffSum sum = diffSum(*view.stacks);
  const model::Column& change = *view.stacks->find("change");
  Rows rows;
  // Beside the counted total: a reader asks why they differ.
  const std::string sampled = sum.error.value_or(0) > 0 ? " (sampled)" : "";
  rows.push_back({model::metricTitle(view.metric) + sampled, valueText(change, sum.base, false), "->",
                  valueText(change, sum.now, false), valueText(change, sum.change, true),
                  errorText(change, sum.change, sum.error.value_or(std::nan("")))});
  const model::Column& group = *view.totals->find("group");
  const model::Column& name = *view.totals->find("name");
  const model::Column& base = *view.totals->find("base");
  const model::Column& now = *view.totals->find("new");
  const model::Column& delta = *view.totals->find("change");
  const model::Column& objects = *view.totals->find("objects_change");
  for (std::size_t row = 0; row < view.totals->rows(); ++row) {
    const bool usual = name.texts[row] == "kernel RSS" || name.texts[row] == "live (counted)" ||
                       name.texts[row] == "dirty free pages" || name.texts[row] == "free slots in slabs";
    if (!view.allTotals && (group.texts[row] != "totals" || !usual)) continue;
    const std::string prefix = group.texts[row] == "totals" ? "" : absl::StrCat(group.texts[row], " ");
    rows.push_back({absl::StrCat(prefix, name.texts[row]), model::cellText(base, row), "->",
                    model::cellText(now, row), model::cellText(delta, row),
                    objects.isKnown(row) ? absl::StrCat(model::cellText(objects, row), " objects") : ""});
  }
  return aligned(rows,
                 {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
}

std::string stacksText(const DiffView& view) {
  const model::Table& table = *view.stacks;
  const model::Column& state = *table.find("state");
  const model::Column& change = *table.find("change");
  const model::Column& objects = *table.find("objects_change");
  Rows rows{{"State", "Change", "", "Base -> new", "Objects", "Function"}};
  std::vector<std::size_t> shown;
  std::size_t same = 0, more = 0;
  double moreSum = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (state.texts[row] == "SAME") {
      ++same;
    } else if (shown.size() < view.rows) {
      shown.push_back(row);
      rows.push_back({state.texts[row], model::cellText(change, row), errorAt(change, row),
                      absl::StrCat(model::cellText(*table.find("base"), row), " -> ",
                                   model::cellText(*table.find("new"), row)),
                      model::cellText(objects, row), table.find("owner")->texts[row]});
    } else {
      ++more;
      moreSum += change.values[row];
    }
  }
  std::string out;
  if (shown.empty()) {
    absl::StrAppend(&out, "No stack changed by more than its error.\n");
  } else {
    const std::string lines = aligned(
        rows, {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
    out += linesWithStacks(table, shown, lines, view.fullStacks, "        ");
  }
  if (more > 0) {
    absl::StrAppend(&out, more, " more stack", more == 1 ? "" : "s", " changed, ",
                    valueText(change, moreSum, true), " in sum (-nodecount=0 shows all)\n");
  }
  if (same > 0)
    absl::StrAppend(&out, same, " stack", same == 1 ? " is" : "s are", " the same within twice the error\n");
  return out;
}

}  // namespace

DiffSum diffSum(const model::Table& stacks) {
  const model::Column& base = *stacks.find("base");
  const model::Column& now = *stacks.find("new");
  const model::Column& change = *stacks.find("change");
  DiffSum sum;
  double variance = 0;
  for (std::size_t row = 0; row < stacks.rows(); ++row) {
    sum.base += base.values[row];
    sum.now += now.values[row];
    sum.change += change.values[row];
    variance += change.standardError[row] * change.standardError[row];
  }
  if (stacks.rows() > 0 && !std::isnan(variance)) sum.error = std::sqrt(variance);
  return sum;
}

std::string diffText(const DiffView& view) {
  const std::vector<std::vector<std::string>> dumps = {
      {"base", view.base->path(), earlierText(*view.base, *view.now)},
      {"new", view.now->path(), dumpText(*view.now)}};
  return absl::StrCat(aligned(dumps, {Align::kLeft, Align::kLeft, Align::kLeft}), "\n", totalsText(view),
                      "\n", stacksText(view));
}

}  // namespace heapprof::report
