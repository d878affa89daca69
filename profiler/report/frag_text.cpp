#include "profiler/report/frag_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using model::bytesText, model::cellText;

constexpr double kLeast = 4096;  // what frees less than a page is counted, not listed

std::string levelsText(const analysis::FragResult& result) {
  Rows rows;
  rows.push_back({"live objects", bytesText(result.live),
                  result.resident > 0 ? absl::StrFormat("%.1f%%", 100 * result.live / result.resident) : "",
                  ""});
  const model::Table& table = result.levels;
  const model::Column& bytes = *table.find("bytes");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const bool within = table.find("id")->texts[row] == "internal";
    rows.push_back({absl::StrCat(within ? "  of them " : "", table.find("label")->texts[row]),
                    cellText(bytes, row), bytes.isKnown(row) ? cellText(*table.find("fraction"), row) : "",
                    errorAt(bytes, row)});
  }
  rows.push_back({"= heap, resident", bytesText(result.resident), "100%", ""});
  return aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft}, "  ");
}

// The one sentence that a reader came for.
std::string verdict(const analysis::FragResult& result) {
  const model::Table& stacks = result.stacks;
  if (stacks.rows() == 0 && !stacks.notes.empty()) return "Who pins free memory is not known.\n";
  if (stacks.rows() == 0 || stacks.find("pins")->values[0] < kLeast) {
    return "No stack pins free memory to speak of.\n";
  }
  const model::Column& back = *stacks.find("comes_back");
  return absl::StrCat("If the objects of ", stacks.find("owner")->texts[0], " went, ", cellText(back, 0), " ",
                      errorAt(back, 0), " would come back: they hold ", cellText(*stacks.find("holds"), 0),
                      " and pin ", cellText(*stacks.find("pins"), 0), ".\n");
}

std::string stacksText(const FragView& view) {
  const model::Table& table = view.result->stacks;
  const model::Column& pins = *table.find("pins");
  const model::Column& back = *table.find("comes_back");
  Rows rows{{"Pins", "", "Comes back", "", "Holds", "Slack", "Objects", "Function"}};
  std::size_t more = 0;
  double moreSum = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (rows.size() > view.rows || pins.values[row] < kLeast) {
      ++more;
      moreSum += pins.values[row];
      continue;
    }
    rows.push_back({cellText(pins, row), errorAt(pins, row), cellText(back, row), errorAt(back, row),
                    cellText(*table.find("holds"), row), cellText(*table.find("slack"), row),
                    cellText(*table.find("objects"), row), table.find("owner")->texts[row]});
  }
  if (rows.size() == 1 && more == 0) {
    std::string notes;
    for (const std::string& note : table.notes) absl::StrAppend(&notes, "  note: ", note, "\n");
    return notes;
  }
  std::string out = "Who pins it (comes back: their own bytes and the slabs that hold nothing else)\n";
  const std::string lines = aligned(rows,
                                    {Align::kRight, Align::kLeft, Align::kRight, Align::kLeft, Align::kRight,
                                     Align::kRight, Align::kRight, Align::kLeft},
                                    "  ");
  std::vector<std::string> each = absl::StrSplit(lines, '\n');
  absl::StrAppend(&out, each[0], "\n");
  for (std::size_t row = 0; row + 1 < rows.size(); ++row) {
    absl::StrAppend(&out, each[row + 1], "\n",
                    stackLines(table.find("stack")->texts[row], table.find("owner")->texts[row],
                               view.fullStacks, "          "));
  }
  if (more > 0) {
    absl::StrAppend(&out, "  ", more, " more stack", more == 1 ? " pins " : "s pin ", bytesText(moreSum),
                    " in sum", rows.size() > view.rows ? " (--nodecount=0 shows all)" : "", "\n");
  }
  for (const std::string& note : table.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  return out;
}

std::string classesText(const FragView& view) {
  const model::Table& table = view.result->classes;
  const model::Column& free = *table.find("free");
  const model::Column& slack = *table.find("slack");
  Rows rows{{"Class", "Free", "Live", "Slabs", "Objects", "Slack", ""}};
  for (std::size_t row = 0; row < table.rows() && rows.size() <= view.rows; ++row) {
    if (free.values[row] + (slack.isKnown(row) ? slack.values[row] : 0) < kLeast) break;
    rows.push_back({cellText(*table.find("class_size"), row), cellText(free, row),
                    cellText(*table.find("live_fraction"), row), cellText(*table.find("slabs"), row),
                    cellText(*table.find("live_objects"), row), cellText(slack, row), errorAt(slack, row)});
  }
  if (rows.size() == 1) return "";
  return absl::StrCat("\nBy size class, most waste first\n",
                      aligned(rows,
                              {Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
                               Align::kRight, Align::kLeft},
                              "  "));
}

std::string listed(const model::Table& table, std::size_t most) {
  Rows rows(1);
  std::vector<Align> alignment;
  for (const model::Column& column : table.columns) {
    rows[0].push_back(column.title);
    alignment.push_back(column.unit == model::Unit::kText ? Align::kLeft : Align::kRight);
  }
  for (std::size_t row = 0; row < table.rows() && row < most; ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const model::Column& column : table.columns) cells.push_back(cellText(column, row));
  }
  return rows.size() == 1 ? "" : absl::StrCat("\n", table.title, "\n", aligned(rows, alignment, "  "));
}

}  // namespace

std::string fragText(const FragView& view) {
  const analysis::FragResult& result = *view.result;
  std::string out =
      absl::StrCat(view.snapshot->path(), ": where the heap's resident memory is\n", levelsText(result));
  for (const std::string& note : result.levels.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  absl::StrAppend(&out, "\n", verdict(result), "\n", stacksText(view), classesText(view),
                  listed(result.occupancy, result.occupancy.rows()));
  if (view.hugePages) absl::StrAppend(&out, listed(result.pages, std::max<std::size_t>(view.rows, 10)));
  return out;
}

}  // namespace heapprof::report
