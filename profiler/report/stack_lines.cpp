#include "profiler/report/stack_lines.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"

namespace heapprof::report {
namespace {

constexpr std::size_t kFramesShown = 6;

// Frames without names, and recursion: "[server] x5" for five in a row.
void joinRuns(std::vector<std::string>* frames) {
  std::vector<std::string> joined;
  for (std::size_t i = 0, run = 1; i < frames->size(); i += run) {
    for (run = 1; i + run < frames->size() && (*frames)[i + run] == (*frames)[i];) ++run;
    joined.push_back(run == 1 ? (*frames)[i] : absl::StrCat((*frames)[i], " x", run));
  }
  *frames = std::move(joined);
}

}  // namespace

std::string valueText(const model::Column& like, double value, bool plus) {
  model::Column cell;
  cell.unit = like.unit;
  cell.isSigned = plus;
  cell.values = {value};
  return model::cellText(cell, 0);
}

std::string errorText(const model::Column& column, double value, double error) {
  return model::errorText(column.unit, value, error, column.isSigned);
}

std::string errorAt(const model::Column& column, std::size_t row) {
  if (!column.isKnown(row)) return "";
  return errorText(column, column.values[row],
                   row < column.standardError.size() ? column.standardError[row] : std::nan(""));
}

std::string shortStack(const std::string& stack, const std::string& owner) {
  std::vector<std::string> frames = absl::StrSplit(stack, '\n');
  auto at = std::find(frames.begin(), frames.end(), owner);
  if (at != frames.end()) frames.erase(frames.begin(), at + 1);
  joinRuns(&frames);
  if (frames.size() > kFramesShown) {
    const std::size_t left = frames.size() - kFramesShown;
    frames.erase(frames.begin() + kFramesShown - 1, frames.end() - 1);
    frames.insert(frames.end() - 1, absl::StrCat("(", left, " more)"));
  }
  return absl::StrJoin(frames, " < ");
}

std::string stackLines(const std::string& stack, const std::string& owner, bool full,
                       absl::string_view indent) {
  if (!full) {
    const std::string text = shortStack(stack, owner);
    return text.empty() ? "" : absl::StrCat(indent, "< ", text, "\n");
  }
  std::string out;
  for (absl::string_view frame : absl::StrSplit(stack, '\n')) absl::StrAppend(&out, indent, frame, "\n");
  return out;
}

std::string linesWithStacks(const model::Table& table, const std::vector<std::size_t>& rows,
                            absl::string_view lines, bool full, absl::string_view indent) {
  if (rows.empty()) return "";
  const std::vector<absl::string_view> each = absl::StrSplit(lines, '\n');
  const model::Column& stacks = *table.find("stack");
  const model::Column& owners = *table.find("owner");
  std::string out = absl::StrCat(each[0], "\n");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    absl::StrAppend(&out, each[i + 1], "\n",
                    stackLines(stacks.texts[rows[i]], owners.texts[rows[i]], full, indent));
  }
  return out;
}

}  // namespace heapprof::report
