#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/stack_groups.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

struct Held {
  double value[2] = {0, 0};
  double variance[2] = {0, 0};
  double objects[2] = {0, 0};
  std::size_t stacks = 0;

  double change() const { return value[0] - value[1]; }
};

using Row = std::pair<std::string, Held>;

std::vector<Row> byOwner(const std::vector<StackGroup>& groups, const FrameNames& names) {
  std::vector<Row> rows;
  absl::flat_hash_map<std::string, std::size_t> rowOf;
  for (const StackGroup& group : groups) {
    auto [at, added] = rowOf.try_emplace(names.owner(group.frames), rows.size());
    if (added) rows.emplace_back(at->first, Held());
    Held& held = rows[at->second].second;
    for (int side = 0; side < 2; ++side) {
      held.value[side] += group.value[side];
      held.variance[side] += group.variance[side];
      held.objects[side] += group.objects[side];
    }
    ++held.stacks;
  }
  return rows;
}

}  // namespace

absl::StatusOr<model::Table> owners(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSideBySide, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  absl::StatusOr<std::vector<StackGroup>> groups = groupStacks(**view, nodes);
  if (!groups.ok()) return groups.status();
  std::vector<Row> rows = byOwner(*groups, FrameNames(**view, nodes));
  const bool isDiff = (*view)->hasBaseline();
  std::stable_sort(rows.begin(), rows.end(), [isDiff](const Row& a, const Row& b) {
    const double left = isDiff ? a.second.change() : a.second.value[0];
    const double right = isDiff ? b.second.change() : b.second.value[0];
    return std::fabs(left) > std::fabs(right);
  });
  double all = 0;
  for (const Row& row : rows) all += row.second.value[0];

  using model::numberColumn, model::textColumn, model::Unit;
  const model::Unit unit = unitOf((*view)->unit());
  model::Column change =
      numberColumn("change", "Change", unit,
                   "new minus base, with its standard error; both dumps' errors are taken as "
                   "independent, which errs on the safe side",
                   true);
  model::Column base = numberColumn("base", "Base", unit, "in the baseline");
  model::Column value =
      numberColumn("held", isDiff ? "New" : "Holds", unit, "of its own, allocators' frames passed over");
  model::Column share = numberColumn("share", "Share", Unit::kFraction, "of all that matches the filters");
  model::Column objects =
      numberColumn("objects", "Objects", Unit::kCount, isDiff ? "change of the count" : "how many", isDiff);
  model::Column stacks =
      numberColumn("stacks", "Stacks", Unit::kCount, "different call stacks that end in it");
  model::Column name = textColumn("name", "Function", "the first function that is not allocation plumbing");
  for (const auto& [owner, held] : rows) {
    name.texts.push_back(owner);
    addWithError(value, held.value[0], std::sqrt(held.variance[0]));
    addWithError(base, held.value[1], std::sqrt(held.variance[1]));
    addWithError(change, held.change(), std::sqrt(held.variance[0] + held.variance[1]));
    addKnown(share, all != 0 ? held.value[0] / all : 0);
    addKnown(objects, std::round(held.objects[0] - held.objects[1]));
    addKnown(stacks, static_cast<double>(held.stacks));
  }
  model::Table table;
  table.id = "owners";
  table.title = isDiff
                    ? absl::StrCat("Change of ", model::metricTitle((*view)->metric()),
                                   " by the function that stores it")
                    : absl::StrCat(model::metricTitle((*view)->metric()), " by the function that stores it");
  table.notes = (*view)->notes();
  if (isDiff) table.columns = {std::move(change), std::move(base)};
  table.columns.push_back(std::move(value));
  if (!isDiff) table.columns.push_back(std::move(share));
  for (model::Column* column : {&objects, &stacks, &name}) table.columns.push_back(std::move(*column));
  return table;
}

}  // namespace heapprof::analysis
