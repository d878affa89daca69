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

// What a reader came for, where the dump says it.
std::string verdict(const analysis::PurgeResult& result) {
  const auto valueOf = [&result](absl::string_view id) {
    for (const auto& figure : result.figures) {
      if (id == figure.id) return figure.value;
    }
    return absl::optional<double>();
  };
  const absl::optional<double> returned = valueOf("returned"), back = valueOf("refaulted_60s");
  if (!returned || !back) return "Whether purging paid is unknown: the dump does not say what came back.\n";
  if (*returned == 0) return "Nothing was returned to the kernel.\n";
  const double share = 100 * *back / *returned;
  return absl::StrFormat("Of %s returned, %s (%.1f%%) was faulted back within a minute: purging %s.\n",
                         model::bytesText(*returned), model::bytesText(*back), share,
                         share < 10   ? "pays"
                         : share < 50 ? "pays in part; see which reason is wrong"
                                      : "does not pay; purge later (HEAPPROF=purge=SECONDS)");
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

}  // namespace

std::string purgeText(const model::Snapshot& snapshot, const analysis::PurgeResult& result, std::size_t rows,
                      bool listEvents) {
  Rows figures;
  for (const auto& figure : result.figures) {
    figures.push_back(
        {figure.title, factText(numberFact(figure.id, figure.title, figure.unit, figure.value))});
  }
  std::string out = absl::StrCat(snapshot.path(), ": what purging did\n",
                                 aligned(figures, {Align::kLeft, Align::kRight}, "  "));
  for (const std::string& note : result.reasons.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  absl::StrAppend(&out, "\n", verdict(result), listed(result.reasons, result.reasons.rows()));
  if (listEvents) absl::StrAppend(&out, listed(result.events, rows));
  absl::StrAppend(&out, listed(result.ages, result.ages.rows()),
                  listed(result.refusals, result.refusals.rows(), {"errno"}),
                  listed(result.blocked, result.blocked.rows(), {"id"}));
  for (const std::string& note : result.blocked.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  return absl::StrCat(out, pinners(result.pinnedBy, std::min<std::size_t>(rows, 8)));
}

}  // namespace heapprof::report
