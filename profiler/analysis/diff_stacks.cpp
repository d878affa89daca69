#include <algorithm>
#include <cmath>
#include <tuple>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/stack_groups.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

// A change below this many standard errors is not told from none.
constexpr double kSameWithin = 2;

double change(const StackGroup& group) {
  return group.value[0] - group.value[1];
}

// Errors of the two dumps are taken as independent. Objects that live in both are the same samples, so the
// true error is smaller: the printed one errs on the safe side. NaN: unknown.
double changeError(const StackGroup& group) {
  double sum = 0;
  for (int side = 0; side < 2; ++side) sum += group.seen[side] ? group.variance[side] : 0;
  return std::sqrt(sum);
}

const char* stateOf(const StackGroup& group) {
  if (!group.seen[1]) return "NEW";
  if (!group.seen[0]) return "GONE";
  const double error = changeError(group);
  const double same = std::isnan(error) ? 0 : kSameWithin * error;
  if (std::fabs(change(group)) <= same) return "SAME";
  return change(group) > 0 ? "GROWN" : "SHRUNK";
}

}  // namespace

absl::StatusOr<model::Table> diffStacks(const model::Query& query, const Cancel& cancel) {
  if (query.baseline == nullptr) return absl::InvalidArgumentError("a diff needs a baseline: give two dumps");
  model::Query both = query;
  if (both.baselineMode == model::BaselineMode::kNone) both.baselineMode = model::BaselineMode::kBase;
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(both, StackView::Mode::kSideBySide, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  absl::StatusOr<std::vector<StackGroup>> groups = groupStacks(**view, nodes);
  if (!groups.ok()) return groups.status();
  const FrameNames names(**view, nodes);
  std::stable_sort(groups->begin(), groups->end(), [](const StackGroup& a, const StackGroup& b) {
    return std::fabs(change(a)) > std::fabs(change(b));
  });

  const model::Unit unit = unitOf((*view)->unit());
  model::Table table;
  table.id = "diff";
  table.title = absl::StrCat("Change of ", model::metricTitle((*view)->metric()), " by stack");
  table.notes = (*view)->notes();
  using model::numberColumn, model::textColumn, model::Unit;
  model::Column state =
      textColumn("state", "State", "NEW, GONE, GROWN, SHRUNK, or SAME: within twice its error");
  model::Column changed =
      numberColumn("change", "Change", unit, "new minus base, with its standard error", true);
  model::Column base = numberColumn("base", "Base", unit, "in the baseline");
  model::Column now = numberColumn("new", "New", unit, "in the new dump");
  model::Column objects =
      numberColumn("objects_change", "Objects", Unit::kCount, "change of the count", true);
  model::Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  model::Column stack = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  const bool counted = objectsType((*view)->snapshot(0), (*view)->metric()).has_value() &&
                       objectsType((*view)->snapshot(1), (*view)->metric()).has_value();
  for (const StackGroup& group : *groups) {
    state.texts.emplace_back(stateOf(group));
    addWithError(changed, change(group), changeError(group));
    addWithError(base, group.value[1], std::sqrt(group.variance[1]));
    addWithError(now, group.value[0], std::sqrt(group.variance[0]));
    counted ? addKnown(objects, group.objects[0] - group.objects[1]) : addUnknown(objects);
    owner.texts.push_back(names.owner(group.frames));
    stack.texts.push_back(names.joined(group.frames));
  }
  table.columns = {std::move(state),   std::move(changed), std::move(base), std::move(now),
                   std::move(objects), std::move(owner),   std::move(stack)};
  return table;
}

}  // namespace heapprof::analysis
