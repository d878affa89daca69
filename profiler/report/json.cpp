// JSON, versioned: {"heapprof": {"json_version": 1, "verb": ...}, "facts": {...}, "tables": {id: {...}},
// "notes": [...]}. Rules of version 1: fields are only added; a cell that is not known is null; a standard
// error stands beside its figure as "<id>_stderr"; bytes, counts and nanoseconds are plain numbers; addresses
// are "0x..." strings, as JSON numbers cannot hold 64 bits.
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

#include "profiler/report/cells.h"
#include "profiler/report/document.h"

namespace heapprof::report {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kJsonVersion = 1;

Json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (value == std::floor(value) && std::fabs(value) < kExact) return static_cast<std::int64_t>(value);
  return value;
}

Json cell(const model::Column& column, std::size_t row) {
  if (!column.isKnown(row)) return nullptr;
  if (column.unit == model::Unit::kText) return column.texts[row];
  if (column.unit == model::Unit::kAddress) return exactCell(column, row);
  return number(column.values[row]);
}

Json tableJson(const model::Table& table) {
  Json columns = Json::array(), rows = Json::array();
  for (const model::Column& column : table.columns) {
    columns.push_back({{"id", column.id},
                       {"title", column.title},
                       {"unit", unitName(column.unit)},
                       {"signed", column.isSigned},
                       {"help", column.help}});
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Json cells = Json::object();
    for (const model::Column& column : table.columns) {
      cells[column.id] = cell(column, row);
      if (hasError(column, row)) {
        cells[absl::StrCat(column.id, "_stderr")] = number(column.standardError[row]);
      }
    }
    rows.push_back(std::move(cells));
  }
  return {{"title", table.title},
          {"notes", table.notes},
          {"columns", std::move(columns)},
          {"rows", std::move(rows)}};
}

}  // namespace

std::string emitJson(const Document& document) {
  Json root;
  root["heapprof"] = {{"json_version", kJsonVersion}, {"verb", document.verb}};
  Json facts = Json::object();
  for (const Fact& fact : document.facts) {
    if (fact.unit == model::Unit::kText) {
      facts[fact.id] = fact.text;
    } else {
      facts[fact.id] = fact.value ? number(*fact.value) : Json(nullptr);
    }
    if (fact.error) facts[absl::StrCat(fact.id, "_stderr")] = number(*fact.error);
  }
  root["facts"] = std::move(facts);
  Json tables = Json::object();
  for (const model::Table& table : document.tables) tables[table.id] = tableJson(table);
  root["tables"] = std::move(tables);
  root["notes"] = document.notes;
  // Names come from other people's binaries: what is not UTF-8 is replaced, never an exception.
  return absl::StrCat(root.dump(1, ' ', false, Json::error_handler_t::replace), "\n");
}

}  // namespace heapprof::report
