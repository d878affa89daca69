#include "profiler/analysis/table_change.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace heapprof::analysis {
namespace {

using model::Column;
using model::Table;

std::string keyOf(const Table& table, const std::vector<std::string>& keys, std::size_t row) {
  std::string key;
  for (const std::string& id : keys) {
    const Column& column = *table.find(id);
    key += column.unit == model::Unit::kText ? column.texts[row] : std::to_string(column.values[row]);
    key += '\0';
  }
  return key;
}

double errorOf(const Column& column, std::size_t row) {
  return row < column.standardError.size() ? column.standardError[row] : std::nan("");
}

// A figure of one side; nothing where the row is not there, which is 0, or where it is unknown.
struct Side {
  double value = 0;
  double error = std::nan("");
  bool known = true;
};

Side sideOf(const Column& column, std::size_t row) {
  return {column.values[row], errorOf(column, row), column.isKnown(row)};
}

void fill(Column& column) {
  column.known.resize(column.size(), 1);
  if (!column.standardError.empty()) column.standardError.resize(column.size(), std::nan(""));
}

// A row that only the baseline has: its keys, and what is said of it (texts); no figures.
void appendGone(Table& table, const Table& base, std::size_t row) {
  for (Column& column : table.columns) {
    const Column* from = base.find(column.id);
    fill(column);
    const bool isText = column.unit == model::Unit::kText;
    if (isText) column.texts.push_back(from == nullptr ? std::string() : from->texts[row]);
    if (!isText) column.values.push_back(0);
    column.known.push_back(isText ? 1 : model::kBlankCell);
    if (!column.standardError.empty()) column.standardError.push_back(std::nan(""));
  }
}

void reorder(Column& column, const std::vector<std::size_t>& order) {
  const Column old = column;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (column.unit == model::Unit::kText) column.texts[i] = old.texts[order[i]];
    if (column.unit != model::Unit::kText) column.values[i] = old.values[order[i]];
    if (!old.known.empty()) column.known[i] = old.known[order[i]];
    if (!old.standardError.empty()) column.standardError[i] = old.standardError[order[i]];
  }
}

}  // namespace

Table withChange(const Table& now, const Table& base, const std::vector<std::string>& keys,
                 const std::string& measure, ChangeOrder order) {
  Table out = now;
  const Column& after = *now.find(measure);
  const Column& before = *base.find(measure);
  std::unordered_map<std::string, std::size_t> rowOf;
  for (std::size_t row = 0; row < base.rows(); ++row) rowOf.emplace(keyOf(base, keys, row), row);
  std::vector<Side> changes;
  const auto change = [&changes](const Side& to, const Side& from) {
    const double variance = (std::isnan(to.error) ? 0 : to.error * to.error) +
                            (std::isnan(from.error) ? 0 : from.error * from.error);
    const bool hasError = !std::isnan(to.error) || !std::isnan(from.error);
    changes.push_back(
        {to.value - from.value, hasError ? std::sqrt(variance) : std::nan(""), to.known && from.known});
  };
  for (std::size_t row = 0; row < now.rows(); ++row) {
    const auto found = rowOf.find(keyOf(now, keys, row));
    change(sideOf(after, row), found == rowOf.end() ? Side{} : sideOf(before, found->second));
    if (found != rowOf.end()) rowOf.erase(found);
  }
  std::vector<std::size_t> gone;
  for (const auto& [key, row] : rowOf) gone.push_back(row);
  std::sort(gone.begin(), gone.end());
  for (const std::size_t row : gone) {
    appendGone(out, base, row);
    change(Side{}, sideOf(before, row));
    for (const std::string& id : keys) {
      auto key =
          std::find_if(out.columns.begin(), out.columns.end(), [&](const Column& c) { return c.id == id; });
      if (key->unit == model::Unit::kText) continue;
      key->values.back() = base.find(id)->values[row];
      key->known.back() = 1;
    }
  }
  Column column;
  column.id = "change";
  column.title = "Change";
  column.help = "since the baseline, with its standard error where there is one: " + after.help;
  column.unit = after.unit;
  column.isSigned = true;
  for (const Side& side : changes) {
    column.values.push_back(side.value);
    column.standardError.push_back(side.error);
    column.known.push_back(side.known ? 1 : 0);
  }
  if (order == ChangeOrder::kLargestFirst) {
    std::vector<std::size_t> rows(changes.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
      return std::fabs(changes[a].value) > std::fabs(changes[b].value);
    });
    for (Column& each : out.columns) reorder(each, rows);
    reorder(column, rows);
    out.columns.insert(out.columns.begin(), std::move(column));
    return out;
  }
  const auto at =
      std::find_if(out.columns.begin(), out.columns.end(), [&](const Column& c) { return c.id == measure; });
  out.columns.insert(at + 1, std::move(column));
  return out;
}

}  // namespace heapprof::analysis
