#include "gui/model/row_order.h"

#include <QString>
#include <algorithm>
#include <strings.h>

namespace heapprof::gui {
namespace {

using model::Column;

constexpr std::size_t kCancelStride = 4096;

std::vector<std::uint32_t> matchingRows(const model::Table& table, const QRegularExpression& filter,
                                        const analysis::Cancel& cancel) {
  std::vector<std::uint32_t> rows;
  rows.reserve(table.rows());
  const bool all = filter.pattern().isEmpty();
  for (std::uint32_t row = 0; row < table.rows(); ++row) {
    if (row % kCancelStride == 0 && cancel && cancel()) break;
    const bool wanted =
        all || std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& column) {
          return column.unit == model::Unit::kText && column.isKnown(row) &&
                 filter.match(QString::fromStdString(column.texts[row])).hasMatch();
        });
    if (wanted) rows.push_back(row);
  }
  return rows;
}

// Less, equal or greater than 0.
int compare(const Column& column, std::uint32_t a, std::uint32_t b) {
  if (column.unit == model::Unit::kText) return strcasecmp(column.texts[a].c_str(), column.texts[b].c_str());
  return column.values[a] < column.values[b] ? -1 : column.values[a] > column.values[b] ? 1 : 0;
}

}  // namespace

std::vector<std::uint32_t> orderRows(const model::Table& table, const RowOrder& order,
                                     const analysis::Cancel& cancel) {
  std::vector<std::uint32_t> rows = matchingRows(table, order.filter, cancel);
  if (order.column < 0 || static_cast<std::size_t>(order.column) >= table.columns.size()) return rows;
  const Column& column = table.columns[static_cast<std::size_t>(order.column)];
  std::stable_sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (column.isKnown(a) != column.isKnown(b)) return column.isKnown(a);
    if (!column.isKnown(a)) return false;
    const int difference = compare(column, a, b);
    return order.descending ? difference > 0 : difference < 0;
  });
  return rows;
}

}  // namespace heapprof::gui
