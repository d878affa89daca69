#include "profiler/report/bench_text.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using analysis::BenchFigure, analysis::BenchResult;
using model::Column;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

// Of the table of verdicts; the base has none.
std::size_t verdictRow(const BenchResult& result, const BenchFigure& figure, const std::string& allocator) {
  const Column& figures = *result.verdicts.find("figure");
  const Column& names = *result.verdicts.find("allocator");
  for (std::size_t row = 0; row < result.verdicts.rows(); ++row) {
    if (figures.texts[row] == figure.id && names.texts[row] == allocator) return row;
  }
  return kNoRow;
}

bool isKnownSomewhere(const Column& column) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.isKnown(row)) return true;
  }
  return false;
}

bool isNoneEverywhere(const Column& column) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.isKnown(row) && column.values[row] != 0) return false;
  }
  return true;
}

// "huge pages", but "CPU time".
std::string midSentence(std::string title) {
  if (absl::ascii_islower(static_cast<unsigned char>(title[1])))
    title[0] = absl::ascii_tolower(static_cast<unsigned char>(title[0]));
  return title;
}

// On one line, which a script given by -c is not.
std::string commandText(const std::string& command) {
  constexpr std::size_t kLongest = 60;
  const std::string line = absl::StrReplaceAll(command, {{"\n", " "}, {"\t", " "}});
  if (line.size() <= kLongest) return line;
  std::size_t end = kLongest - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // not inside a character
  return absl::StrCat(line.substr(0, end), "...");
}

// Those that have something to show; the others by name.
struct Shown {
  std::vector<const BenchFigure*> figures;
  std::vector<std::string> none, unknown;
};

Shown shownOf(const BenchResult& result) {
  Shown shown;
  for (const BenchFigure& figure : analysis::benchFigures()) {
    const Column& runs = *result.runs.find(figure.id);
    if (!isKnownSomewhere(runs)) {
      shown.unknown.push_back(midSentence(figure.title));
    } else if (isNoneEverywhere(runs)) {
      shown.none.push_back(midSentence(figure.title));
    } else {
      shown.figures.push_back(&figure);
    }
  }
  return shown;
}

// "-16%", "=" for no difference beyond noise, "?" for no verdict.
std::string changeText(const BenchResult& result, std::size_t row) {
  if (row == kNoRow) return "";
  const std::string& verdict = result.verdicts.find("verdict")->texts[row];
  if (verdict == "the same" || absl::StartsWith(verdict, "no difference")) return "=";
  if (verdict == "not measured" || absl::StartsWith(verdict, "too few")) return "?";
  const Column& ratio = *result.verdicts.find("ratio");
  if (!ratio.isKnown(row)) return verdict;
  const double percent = (ratio.values[row] - 1) * 100;
  return absl::StrFormat(std::abs(percent) < 9.95 ? "%+.1f%%" : "%+.0f%%", percent);
}

std::string overview(const BenchResult& result, const Shown& shown, const std::string& base) {
  Rows rows{{absl::StrCat("against ", base)}};
  std::vector<Align> alignment{Align::kLeft};
  for (const BenchFigure* figure : shown.figures) {
    rows[0].emplace_back(figure->brief);
    alignment.push_back(Align::kRight);
  }
  for (const std::string& name : result.medians.find("allocator")->texts) {
    if (verdictRow(result, analysis::benchFigures()[0], name) == kNoRow) continue;
    std::vector<std::string>& cells = rows.emplace_back();
    cells.push_back(name);
    for (const BenchFigure* figure : shown.figures)
      cells.push_back(changeText(result, verdictRow(result, *figure, name)));
  }
  if (rows.size() == 1) return {};
  const bool hasNoise = std::any_of(rows.begin(), rows.end(), [](const std::vector<std::string>& cells) {
    return std::find(cells.begin(), cells.end(), "=") != cells.end();
  });
  return absl::StrCat("\n", aligned(rows, alignment, "  "),
                      hasNoise ? "  =  no difference beyond noise\n" : "");
}

void appendBlock(const BenchResult& result, const BenchFigure& figure, Rows* rows) {
  const model::Table& verdicts = result.verdicts;
  const Column& medians = *result.medians.find(figure.id);
  for (std::size_t i = 0; i < result.medians.rows(); ++i) {
    const std::string& name = result.medians.find("allocator")->texts[i];
    std::vector<std::string>& cells = rows->emplace_back();
    cells = {absl::StrCat("  ", name), medians.isKnown(i) ? model::cellText(medians, i) : "failed", "", "",
             ""};
    const std::size_t row = verdictRow(result, figure, name);
    if (row == kNoRow) continue;
    const Column& ratio = *verdicts.find("ratio");
    if (ratio.isKnown(row)) {
      cells[2] = absl::StrFormat("%.3f", ratio.values[row]);
      cells[3] = absl::StrFormat("%.3f to %.3f", verdicts.find("ratio_low")->values[row],
                                 verdicts.find("ratio_high")->values[row]);
    }
    cells[4] = verdicts.find("verdict")->texts[row];
  }
}

}  // namespace

std::string benchText(const BenchHeading& heading, const BenchResult& result) {
  const Shown shown = shownOf(result);
  std::string out = absl::StrFormat("%s: %d round%s, %d allocator%s\n", commandText(heading.command),
                                    result.rounds, result.rounds == 1 ? "" : "s", result.medians.rows(),
                                    result.medians.rows() == 1 ? "" : "s");
  absl::StrAppend(&out, overview(result, shown, heading.base), "\n");
  // One layout for all blocks, so that columns stand below one another.
  Rows rows;
  for (const BenchFigure* figure : shown.figures) {
    if (!rows.empty()) rows.push_back({});
    rows.push_back({figure->title, "median"});
    if (result.verdicts.rows() > 0) {
      rows.back().insert(rows.back().end(),
                         {"ratio", absl::StrFormat("%.0f%% interval", result.chance * 100)});
    }
    appendBlock(result, *figure, &rows);
  }
  absl::StrAppend(&out,
                  aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft}));
  if (!shown.none.empty())
    absl::StrAppend(&out, "\nNone in any run: ", absl::StrJoin(shown.none, ", "), "\n");
  if (!shown.unknown.empty())
    absl::StrAppend(&out, "\nNot measured: ", absl::StrJoin(shown.unknown, ", "), "\n");
  return out;
}

}  // namespace heapprof::report
