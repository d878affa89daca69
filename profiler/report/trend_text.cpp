#include "profiler/report/trend_text.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using model::cellText;
using Rows = std::vector<std::vector<std::string>>;

// Rates in the largest of these that leaves them readable: a leak of 3 bytes a second is 11 kB an hour.
struct Span {
  const char* name;
  double seconds;
};
constexpr Span kSpans[] = {{"/s", 1}, {"/min", 60}, {"/h", 3600}, {"/day", 86400}};

Span spanFor(double seconds) {
  Span chosen = kSpans[0];
  for (const Span& one : kSpans) {
    if (one.seconds <= seconds) chosen = one;
  }
  return chosen;
}

std::string rateText(const model::Column& rate, std::size_t row, const Span& span, std::string* error) {
  if (!rate.isKnown(row)) return "unknown";
  model::Column cell;
  cell.unit = rate.unit == model::Unit::kBytesPerSecond ? model::Unit::kBytes : rate.unit;
  cell.isSigned = true;
  cell.values = {std::round(rate.values[row] * span.seconds)};
  if (row < rate.standardError.size())
    *error = errorText(cell, cell.values[0], rate.standardError[row] * span.seconds);
  if (absl::StartsWith(*error, "±")) *error += span.name;
  return absl::StrCat(cellText(cell, 0), span.name);
}

}  // namespace

std::string trendText(const analysis::Trend::Result& result, std::size_t dumps, std::size_t rows,
                      bool fullStacks) {
  const Span span = spanFor(result.seconds);
  std::string out = absl::StrCat(
      dumps, " dumps over ", model::scaledLabel(std::llround(result.seconds * 1e9), "ns", "auto"), "\n\n");
  Rows lines{{"Total", "First", "", "Last", "Most", "Slope", ""}};
  for (std::size_t row = 0; row < result.totals.rows(); ++row) {
    std::string error;
    const std::string rate = rateText(*result.totals.find("rate"), row, span, &error);
    lines.push_back({result.totals.find("name")->texts[row], cellText(*result.totals.find("first"), row),
                     "->", cellText(*result.totals.find("last"), row),
                     cellText(*result.totals.find("most"), row), rate, error});
  }
  absl::StrAppend(&out, aligned(lines, {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight,
                                        Align::kRight, Align::kRight, Align::kLeft}));
  const model::Table& table = result.stacks;
  Rows stacks{{"State", "Slope", "", "First -> last", "Most", "Function"}};
  std::vector<std::size_t> shown;
  std::size_t same = 0, more = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.find("state")->texts[row] == "SAME") {
      ++same;
      continue;
    }
    if (shown.size() == rows) {
      ++more;
      continue;
    }
    shown.push_back(row);
    std::string error;
    const std::string rate = rateText(*table.find("rate"), row, span, &error);
    stacks.push_back(
        {table.find("state")->texts[row], rate, error,
         absl::StrCat(cellText(*table.find("first"), row), " -> ", cellText(*table.find("last"), row)),
         cellText(*table.find("most"), row), table.find("owner")->texts[row]});
  }
  absl::StrAppend(&out, "\n", table.title, "\n");
  const std::string aRowEach = aligned(
      stacks, {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  out += linesWithStacks(table, shown, aRowEach, fullStacks, "        ");
  if (more > 0) absl::StrAppend(&out, more, " more (--nodecount=0 shows all)\n");
  if (same > 0)
    absl::StrAppend(&out, same, same == 1 ? " stack stays" : " stacks stay",
                    " the same within twice the error\n");
  return out;
}

}  // namespace heapprof::report
