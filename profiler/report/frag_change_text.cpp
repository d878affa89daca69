// `frag FILE --base OTHER`: each line with what it was less.
#include <cmath>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/change_lines.h"
#include "profiler/report/frag_text.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using model::bytesText, model::cellText;

constexpr double kLeast = 4096;    // of a page; what changed less is counted, not listed
constexpr double kSameWithin = 2;  // standard errors, as in diff

std::string levelsText(const analysis::FragResult& result) {
  Rows rows{{"live objects", bytesText(result.live), bytesText(result.live - *result.baseLive, true), ""}};
  const model::Table& table = result.levels;
  const model::Column& change = *table.find("change");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const bool within = table.find("id")->texts[row] == "internal";
    rows.push_back({absl::StrCat(within ? "  of them " : "", table.find("label")->texts[row]),
                    cellText(*table.find("bytes"), row), cellText(change, row), errorAt(change, row)});
  }
  rows.push_back({"= heap, resident", bytesText(result.resident),
                  bytesText(result.resident - *result.baseResident, true), ""});
  return aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft}, "  ");
}

bool isTold(const model::Column& change, std::size_t row) {
  if (!change.isKnown(row) || std::fabs(change.values[row]) < kLeast) return false;
  const double error = change.standardError.empty() ? std::nan("") : change.standardError[row];
  return std::isnan(error) || std::fabs(change.values[row]) > kSameWithin * error;
}

// Rows are by how much they changed: the first that pins more is what the reader came for.
std::string verdict(const model::Table& stacks) {
  const model::Column& change = *stacks.find("change");
  for (std::size_t row = 0; row < stacks.rows(); ++row) {
    if (!isTold(change, row) || change.values[row] < 0) continue;
    return absl::StrCat(stacks.find("owner")->texts[row], " pins ", cellText(change, row), " ",
                        errorAt(change, row), " since then, now ", cellText(*stacks.find("pins"), row),
                        ".\n");
  }
  return "No stack pins more free memory than sampling explains.\n";
}

std::string stacksText(const FragView& view) {
  const model::Table& table = view.result->stacks;
  const model::Column& change = *table.find("change");
  Rows rows{{"Change", "", "Pins", "Comes back", "Holds", "Objects", "Function"}};
  std::vector<std::size_t> shown;
  std::size_t more = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (shown.size() >= view.rows || std::fabs(change.values[row]) < kLeast) {
      ++more;
      continue;
    }
    shown.push_back(row);
    rows.push_back(
        {cellText(change, row), errorAt(change, row), cellText(*table.find("pins"), row),
         cellText(*table.find("comes_back"), row), cellText(*table.find("holds"), row),
         cellText(*table.find("objects"), row),
         absl::StrCat(table.find("owner")->texts[row], table.find("pins")->isBlank(row) ? " (gone)" : "")});
  }
  if (shown.empty()) return "No stack pins a page more or less than then.\n";
  std::string out = "Who pins it, by what changed\n";
  const std::string lines = aligned(
      rows,
      {Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kLeft},
      "  ");
  out += linesWithStacks(table, shown, lines, view.fullStacks, "          ");
  if (more > 0) {
    absl::StrAppend(&out, "  ", more, " more stack", more == 1 ? "" : "s",
                    shown.size() >= view.rows ? " (--nodecount=0 shows all that changed by a page)" : "",
                    "\n");
  }
  for (const std::string& note : table.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  return out;
}

}  // namespace

std::string fragChangeText(const FragView& view, const std::string& basePath) {
  const analysis::FragResult& result = *view.result;
  std::string out =
      absl::StrCat(view.snapshot->path(), " against ", basePath,
                   ": where the heap's resident memory is, and what changed\n", levelsText(result));
  for (const std::string& note : result.levels.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  absl::StrAppend(&out, "\n", verdict(result.stacks), "\n", stacksText(view),
                  changeLines(result.classes, "By size class, most change of free slots first",
                              {"class_size", "change", "free", "live_fraction", "slabs", "live_objects"},
                              view.rows, kLeast),
                  changeLines(result.occupancy, "By huge page",
                              {"full", "change", "count", "live", "slab_free", "page_free", "huge"},
                              result.occupancy.rows(), 0));
  if (view.hugePages) {
    absl::StrAppend(&out, "\n", result.pages.title, "\n", tableText(result.pages));
  }
  return out;
}

}  // namespace heapprof::report
