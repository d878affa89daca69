// `purge FILE --base OTHER`: each figure with what it was.
#include <algorithm>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/change_lines.h"
#include "profiler/report/dump_text.h"
#include "profiler/report/purge_text.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Figure = analysis::PurgeResult::Figure;
using model::cellText;

constexpr double kLeast = 4096;  // of a page; who pins less more or less than that is not listed
constexpr std::size_t kMostPinners = 8;

std::string changeOf(const Figure& figure) {
  if (!figure.value || !figure.base) return "unknown";
  model::Column cell;
  cell.unit = figure.unit;
  cell.isSigned = true;
  cell.values = {*figure.value - *figure.base};
  return cellText(cell, 0);
}

std::string figuresText(const std::vector<Figure>& figures) {
  Rows rows{{"Since the program began", "Now", "Base", "Change"}};
  for (const Figure& figure : figures) {
    rows.push_back({figure.title, factText(numberFact("", "", figure.unit, figure.value)),
                    factText(numberFact("", "", figure.unit, figure.base)), changeOf(figure)});
  }
  return aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kRight}, "  ");
}

}  // namespace

std::string purgeChangeText(const PurgeView& view) {
  const analysis::PurgeResult& result = *view.result;
  std::string out = absl::StrCat(view.snapshot->path(), " against ", view.base->path(), " (",
                                 earlierText(*view.base, *view.snapshot), ")\nNow: ", result.answer, "\n",
                                 figuresText(result.figures));
  for (const std::string& note : result.reasons.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  absl::StrAppend(&out,
                  changeLines(result.refusals, "Huge pages that the kernel refused to form, by cause",
                              {"count", "change", "cause", "help"}, view.rows, 0),
                  changeLines(result.blocked, "Free, resident and not purged", {"label", "bytes", "change"},
                              result.blocked.rows(), 0));
  for (const std::string& note : result.blocked.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  if (result.pinnedBy.find("change") == nullptr) return out;
  return absl::StrCat(
      out, changeLines(result.pinnedBy, "Whose objects pin it, by what changed", {"change", "pins", "owner"},
                       std::min(view.rows, kMostPinners), kLeast));
}

}  // namespace heapprof::report
