#include "profiler/report/purge_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The last `most` rows of a table, all columns but those named.
std::string listed(const model::Table& table, std::size_t most,
                   const std::vector<std::string>& without = {}) {
  if (table.rows() == 0) return "";
  Rows rows(1);
  std::vector<Align> alignment;
  std::vector<const model::Column*> columns;
  for (const model::Column& column : table.columns) {
    if (std::find(without.begin(), without.end(), column.id) != without.end()) continue;
    columns.push_back(&column);
    rows[0].push_back(column.title);
    alignment.push_back(column.unit == model::Unit::kText ? Align::kLeft : Align::kRight);
  }
  for (std::size_t row = table.rows() - std::min(most, table.rows()); row < table.rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const model::Column* column : columns) cells.push_back(model::cellText(*column, row));
  }
  return absl::StrCat("\n", table.title, "\n", aligned(rows, alignment, "  "));
}

std::string pinners(const model::Table& table, std::size_t most) {
  const model::Column* pins = table.find("pins");
  if (pins == nullptr) return "";
  Rows rows{{"Pins", "Function"}};
  for (std::size_t row = 0; row < table.rows() && row < most && pins->values[row] >= 4096; ++row) {
    rows.push_back({model::cellText(*pins, row), table.find("owner")->texts[row]});
  }
  if (rows.size() == 1) return "";
  return absl::StrCat("\nWhose objects pin it (heapprof frag says what would come back)\n",
                      aligned(rows, {Align::kRight, Align::kLeft}, "  "));
}

std::string spreadText(const std::vector<analysis::PurgeResult::Spread>& spreads) {
  Rows rows{{"Up to", "half", "90%", "99%"}};
  for (const auto& spread : spreads) {
    std::vector<std::string>& cells = rows.emplace_back(std::vector<std::string>{spread.title});
    for (const absl::optional<double>& bound : {spread.half, spread.mostOf90, spread.mostOf99}) {
      cells.push_back(spread.counted && !bound ? "none" : factText(numberFact("", "", spread.unit, bound)));
    }
  }
  return absl::StrCat("\nHow they are spread, by powers of two\n",
                      aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kRight}, "  "));
}

}  // namespace

std::string purgeText(const PurgeView& view) {
  const analysis::PurgeResult& result = *view.result;
  Rows figures;
  for (const auto& figure : result.figures) {
    figures.push_back(
        {figure.title, factText(numberFact(figure.id, figure.title, figure.unit, figure.value))});
  }
  // A run without a pass has no figures worth a line each: they would all be 0.
  const absl::optional<double> passes = result.figures.front().value;
  if (passes == 0) std::erase_if(figures, [](const std::vector<std::string>& row) { return row[1] == "0"; });
  std::string out = absl::StrCat(view.snapshot->path(), ": ", result.answer, "\n",
                                 aligned(figures, {Align::kLeft, Align::kRight}, "  "));
  for (const std::string& note : result.reasons.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  absl::StrAppend(&out, listed(result.reasons, result.reasons.rows()),
                  passes == 0 ? "" : spreadText(result.spreads));
  if (view.listEvents) absl::StrAppend(&out, listed(result.events, view.rows));
  absl::StrAppend(&out, listed(result.refusals, result.refusals.rows(), {"errno"}),
                  listed(result.blocked, result.blocked.rows(), {"id"}));
  for (const std::string& note : result.blocked.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  return absl::StrCat(out, pinners(result.pinnedBy, std::min<std::size_t>(view.rows, 8)));
}

}  // namespace heapprof::report
