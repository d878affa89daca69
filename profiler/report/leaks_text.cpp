#include "profiler/report/leaks_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using model::cellText;
using Rows = std::vector<std::vector<std::string>>;

// Of one dump or two, what only ever grew is listed as well: it may be a leak, and may be a cache that fills.
std::size_t worthListing(const LeaksView& view) {
  std::size_t rows = view.result->suspects;
  const std::vector<std::string>& verdict = view.result->stacks.find("verdict")->texts;
  if (view.histories->dumps().size() < 3) rows += view.result->undecided;
  return view.all ? verdict.size() : rows;
}

std::string headline(const LeaksView& view) {
  const std::vector<analysis::DumpMoment>& dumps = view.histories->dumps();
  std::string line =
      dumps.size() == 1
          ? absl::StrCat("one dump, ", dumps[0].path)
          : absl::StrCat(dumps.size(), " dumps over ",
                         model::scaledLabel(std::llround(dumps.back().seconds * 1e9), "ns", "auto"),
                         ", the last ", dumps.back().path);
  return absl::StrCat(line, "\n", view.result->answer, "\n");
}

std::string stacksText(const LeaksView& view) {
  const model::Table& table = view.result->stacks;
  const model::Column& growth = *table.find("growth");
  const model::Column& live = *table.find("live");
  const bool many = view.histories->dumps().size() > 1;
  Rows rows{{"Verdict", "Live", "Growth", "", "Rate", "Oldest", "Function"}};
  const std::size_t listed = worthListing(view);
  const std::size_t shown = std::min(listed, view.rows);
  if (shown == 0) return "";
  for (std::size_t row = 0; row < shown; ++row) {
    rows.push_back({table.find("verdict")->texts[row], cellText(live, row), many ? cellText(growth, row) : "",
                    many ? errorAt(growth, row) : "", many ? cellText(*table.find("rate"), row) : "",
                    cellText(*table.find("oldest"), row), table.find("owner")->texts[row]});
  }
  if (!many) rows[0] = {"Verdict", "Live", "", "", "", "Oldest", "Function"};
  const std::string lines = aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft,
                                           Align::kRight, Align::kRight, Align::kLeft});
  const std::vector<std::string> each = absl::StrSplit(lines, '\n');
  std::string out = absl::StrCat("\n", each[0], "\n");
  for (std::size_t row = 0; row < shown; ++row) {
    absl::StrAppend(
        &out, each[row + 1], "\n",
        stackLines(table.find("stack")->texts[row], table.find("owner")->texts[row], view.fullStacks, "    "),
        "    because: ", table.find("evidence")->texts[row], "\n");
  }
  if (listed > shown) absl::StrAppend(&out, listed - shown, " more (--nodecount=0 shows all)\n");
  return out;
}

std::string restText(const LeaksView& view) {
  const model::Table& table = view.result->verdicts;
  Rows rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string stacks = cellText(*table.find("stacks"), row);
    rows.push_back(
        {table.find("verdict")->texts[row], absl::StrCat(stacks, stacks == "1" ? " stack" : " stacks"),
         cellText(*table.find("live"), row), absl::StrCat("largest: ", table.find("owner")->texts[row])});
  }
  std::string out;
  if (!rows.empty()) {
    out = absl::StrCat("\nAll stacks by verdict", view.all ? "" : " (--all lists them)", "\n",
                       aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft}, "  "));
  }
  const model::Table& gone = view.result->suppressed;
  for (std::size_t row = 0; row < gone.rows(); ++row) {
    absl::StrAppend(&out, row == 0 ? "\nSuppressed\n" : "", "  ", cellText(*gone.find("bytes"), row), " in ",
                    cellText(*gone.find("stacks"), row), " stacks by leak:", gone.find("pattern")->texts[row],
                    "\n");
  }
  return out;
}

}  // namespace

std::string leaksText(const LeaksView& view) {
  return absl::StrCat(headline(view), stacksText(view), restText(view));
}

}  // namespace heapprof::report
