#include "profiler/report/cells.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_format.h"

#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::report {

const char* unitName(model::Unit unit) {
  switch (unit) {
    case model::Unit::kText:
      return "text";
    case model::Unit::kBytes:
      return "bytes";
    case model::Unit::kCount:
      return "count";
    case model::Unit::kNanoseconds:
      return "nanoseconds";
    case model::Unit::kFraction:
      return "fraction";
    case model::Unit::kAddress:
      return "address";
    case model::Unit::kBytesPerSecond:
      return "bytes_per_second";
  }
  return "text";
}

std::string exactNumber(double value) {
  if (!std::isfinite(value)) return {};
  constexpr double kExact = 9007199254740992.0;  // 2^53
  char text[32];
  const std::to_chars_result end = value == std::floor(value) && std::fabs(value) < kExact
                                       ? std::to_chars(text, std::end(text), static_cast<std::int64_t>(value))
                                       : std::to_chars(text, std::end(text), value);
  return {text, end.ptr};
}

std::string exactCell(const model::Column& column, std::size_t row) {
  if (!column.isKnown(row)) return {};
  if (column.unit == model::Unit::kText) return column.texts[row];
  if (column.unit == model::Unit::kAddress) {
    return absl::StrFormat("0x%x", static_cast<std::uint64_t>(column.values[row]));
  }
  return exactNumber(column.values[row]);
}

bool hasError(const model::Column& column, std::size_t row) {
  return row < column.standardError.size() && column.isKnown(row) && !std::isnan(column.standardError[row]);
}

std::string factText(const Fact& fact) {
  if (fact.unit == model::Unit::kText) return fact.text;
  if (!fact.value) return "unknown";
  model::Column cell;
  cell.unit = fact.unit;
  cell.values = {*fact.value};
  if (fact.error) cell.standardError = {*fact.error};
  return model::cellText(cell, 0, true);
}

model::Table factTable(const std::vector<Fact>& facts) {
  model::Table table;
  table.id = "facts";
  table.title = "Facts";
  table.columns = {model::textColumn("id", "Id", "the figure's key in JSON"),
                   model::textColumn("title", "Title", "what it is"),
                   model::textColumn("value", "Value", "exact; none where it is not known"),
                   model::textColumn("stderr", "Error", "its standard error; none where there is none"),
                   model::textColumn("unit", "Unit", "what the value counts")};
  for (const Fact& fact : facts) {
    const bool isText = fact.unit == model::Unit::kText;
    const std::string cells[] = {fact.id, fact.title,
                                 isText       ? fact.text
                                 : fact.value ? exactNumber(*fact.value)
                                              : "",
                                 fact.error ? exactNumber(*fact.error) : "", unitName(fact.unit)};
    for (std::size_t i = 0; i < std::size(cells); ++i) table.columns[i].texts.push_back(cells[i]);
  }
  return table;
}

}  // namespace heapprof::report
