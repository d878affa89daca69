#include "gui/model/function_list.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::gui {
namespace {

using model::Column;
using model::Table;

constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

// The cells of a column for rows of another table; where a row is not there, the cell is blank.
Column picked(const Column& from, const std::vector<std::size_t>& rows) {
  Column out = from;
  out.texts.clear();
  out.values.clear();
  out.standardError.clear();
  out.known.clear();
  for (const std::size_t row : rows) {
    const bool there = row != kNoRow;
    out.known.push_back(!there ? model::kBlankCell : from.known.empty() ? std::uint8_t{1} : from.known[row]);
    if (from.unit == model::Unit::kText) out.texts.push_back(there ? from.texts[row] : std::string());
    if (from.unit != model::Unit::kText) out.values.push_back(there ? from.values[row] : 0);
    if (!from.standardError.empty()) {
      out.standardError.push_back(there ? from.standardError[row] : std::nan(""));
    }
  }
  return out;
}

void take(Table& list, const Table& from, const char* id, const std::vector<std::size_t>& rows,
          const char* title, bool isSigned) {
  const Column* column = from.find(id);
  if (column == nullptr) return;
  list.columns.push_back(picked(*column, rows));
  list.columns.back().title = title;
  list.columns.back().isSigned = isSigned;
}

}  // namespace

absl::StatusOr<Table> functionList(const model::Query& query, const analysis::Cancel& cancel) {
  absl::StatusOr<Table> owners = analysis::owners(query, cancel);
  if (!owners.ok()) return owners.status();
  absl::StatusOr<analysis::TopResult> top = analysis::top(query, cancel);
  if (!top.ok()) return top.status();
  const bool isDiff = query.baseline != nullptr;
  const Column& ownerNames = *owners->find("name");
  const Column& names = *top->table.find("name");
  const Column& cum = *top->table.find("cum");
  const Column& stored = *owners->find(isDiff ? "change" : "held");
  std::unordered_map<std::string, std::size_t> ownerOf;
  for (std::size_t row = 0; row < owners->rows(); ++row) ownerOf.emplace(ownerNames.texts[row], row);

  std::vector<std::size_t> order(top->table.rows()), ownerRows(top->table.rows(), kNoRow);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const std::size_t row : order) {
    const auto found = ownerOf.find(names.texts[row]);
    if (found != ownerOf.end()) ownerRows[row] = found->second;
  }
  const auto storedBy = [&](std::size_t row) {
    return ownerRows[row] == kNoRow ? 0 : std::fabs(stored.values[ownerRows[row]]);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double left = storedBy(a), right = storedBy(b);
    return left != right ? left > right : std::fabs(cum.values[a]) > std::fabs(cum.values[b]);
  });
  std::vector<std::size_t> ownerOrder;
  for (const std::size_t row : order) ownerOrder.push_back(ownerRows[row]);

  Table list;
  list.id = "functions";
  const std::string metric = model::metricTitle(top->metric);
  list.title = isDiff ? "Change of " + metric + " by function" : "Functions by " + metric;
  list.notes = top->table.notes;
  if (isDiff) {
    take(list, *owners, "change", ownerOrder, "Stores", true);
  } else {
    take(list, *owners, "held", ownerOrder, "Stores", false);
    take(list, *owners, "share", ownerOrder, "Share", false);
  }
  take(list, *owners, "objects", ownerOrder, "Objects", isDiff);
  take(list, top->table, "flat", order, "Flat", isDiff);
  take(list, top->table, "cum", order, "Cum", isDiff);
  take(list, top->table, "name", order, "Function", false);
  return list;
}

}  // namespace heapprof::gui
