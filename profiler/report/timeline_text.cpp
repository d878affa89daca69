#include "profiler/report/timeline_text.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using model::bytesText, model::Column, model::Table;
using Rows = std::vector<std::vector<std::string>>;

constexpr const char* kShown[] = {"rss", "live", "dirty", "purged", "huge"};

// A column is recorded as a whole or not at all.
const Column* recorded(const Table& table, const char* id) {
  const Column* column = table.find(id);
  return column != nullptr && column->size() > 0 && column->isKnown(0) ? column : nullptr;
}

std::size_t peakOf(const Column& column) {
  return static_cast<std::size_t>(std::max_element(column.values.begin(), column.values.end()) -
                                  column.values.begin());
}

double spanOf(const analysis::TimelineResult& result) {
  double last = 0;
  for (const Table* table : {&result.rows, &result.marks}) {
    const Column& time = *table->find("time");
    if (time.size() > 0) last = std::max(last, time.values.back());
  }
  return last;
}

// The rows nearest to `lines` moments at even distances, first and last among them, and the row `peak`.
std::vector<std::size_t> spaced(const Column& time, std::size_t lines, std::size_t peak) {
  std::vector<std::size_t> chosen;
  const std::size_t rows = time.size();
  if (rows <= lines) {
    for (std::size_t row = 0; row < rows; ++row) chosen.push_back(row);
    return chosen;
  }
  const double first = time.values.front(), span = time.values.back() - first;
  for (std::size_t i = 0; i < lines; ++i) {
    const double share = lines == 1 ? 1.0 : static_cast<double>(i) / static_cast<double>(lines - 1);
    const double wanted = first + span * share;
    auto at = std::lower_bound(time.values.begin(), time.values.end(), wanted);
    if (at == time.values.end()) --at;
    if (at != time.values.begin() && wanted - *(at - 1) < *at - wanted) --at;
    chosen.push_back(static_cast<std::size_t>(at - time.values.begin()));
  }
  if (peak < rows) chosen.push_back(peak);
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

std::string bar(double share) {
  constexpr int kWidth = 24;
  if (!(share > 0)) return "";
  const int cells = static_cast<int>(std::lround(std::min(share, 1.0) * kWidth));
  return cells == 0 ? "." : std::string(static_cast<std::size_t>(cells), '#');
}

// RSS  26MB -> 1.2GB, peak 1.3GB at 41:06
std::string figures(const analysis::TimelineResult& result, double span) {
  const Column& time = *result.rows.find("time");
  Rows lines;
  for (const char* id : kShown) {
    const Column* column = recorded(result.rows, id);
    if (column == nullptr) continue;
    const std::size_t peak = peakOf(*column);
    lines.push_back({column->title, bytesText(column->values.front()), "->", bytesText(column->values.back()),
                     "peak", bytesText(column->values[peak]),
                     absl::StrCat("at ", analysis::sinceStart(time.values[peak], span))});
  }
  if (const Column* allocated = recorded(result.rows, "allocated"); allocated != nullptr && time.size() > 1) {
    const double bytes = allocated->values.back() - allocated->values.front();
    const double seconds = (time.values.back() - time.values.front()) * 1e-9;
    if (bytes >= 0 && seconds > 0) {
      lines.push_back(
          {"Allocated", bytesText(bytes), "", absl::StrCat(bytesText(bytes / seconds), "/s"), "", "", ""});
    }
  }
  return aligned(
      lines,
      {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kLeft},
      "  ");
}

// What was allocated since the line above, as a rate: the rows between are part of it.
std::string rateSince(const Table& table, std::size_t before, std::size_t row) {
  const Column *time = table.find("time"), *allocated = recorded(table, "allocated");
  const double bytes = allocated->values[row] - allocated->values[before];
  const double seconds = (time->values[row] - time->values[before]) * 1e-9;
  if (before == row) return "";
  return bytes >= 0 && seconds > 0 ? absl::StrCat(bytesText(bytes / seconds), "/s") : "unknown";
}

std::string listing(const analysis::TimelineResult& result, std::size_t most, double span) {
  const Table& table = result.rows;
  const Column& time = *table.find("time");
  const Column* measured = recorded(table, "rss");
  if (measured == nullptr) measured = recorded(table, "live");
  const std::size_t peak = measured == nullptr ? table.rows() : peakOf(*measured);
  Rows rows(1);
  std::vector<Align> alignment{Align::kRight};
  rows[0] = {"Time"};
  const auto heading = [&](const std::string& title, Align align) {
    rows[0].push_back(title);
    alignment.push_back(align);
  };
  for (const char* id : kShown) {
    if (const Column* column = recorded(table, id)) heading(column->title, Align::kRight);
  }
  const bool hasRate = recorded(table, "allocated") != nullptr;
  if (hasRate) heading("Allocated/s", Align::kRight);
  if (measured != nullptr) heading(measured->title, Align::kLeft);
  const std::size_t width = rows[0].size();

  const std::vector<std::size_t> chosen = spaced(time, most, peak);
  std::vector<std::string> marksBefore(1);  // of each line of `rows`, and after the last
  const Table& marks = result.marks;
  std::size_t mark = 0, before = chosen.empty() ? 0 : chosen.front();
  const auto marksUntil = [&](double nanos) {
    std::string text;
    for (; mark < marks.rows() && marks.find("time")->values[mark] <= nanos; ++mark) {
      absl::StrAppend(&text, "  -- ", analysis::sinceStart(marks.find("time")->values[mark], span), "  ",
                      marks.find("name")->texts[mark], "\n");
    }
    return text;
  };
  for (const std::size_t row : chosen) {
    marksBefore.push_back(marksUntil(time.values[row]));
    std::vector<std::string>& cells = rows.emplace_back();
    cells.push_back(analysis::sinceStart(time.values[row], span));
    for (const char* id : kShown) {
      if (const Column* column = recorded(table, id)) cells.push_back(bytesText(column->values[row]));
    }
    if (hasRate) cells.push_back(rateSince(table, before, row));
    if (measured != nullptr) {
      const double top = measured->values[peak];
      cells.push_back(absl::StrCat(bar(top > 0 ? measured->values[row] / top : 0),
                                   row == peak && top > 0 ? " peak" : ""));
    }
    cells.resize(width);
    before = row;
  }
  std::string out;
  const std::string all = aligned(rows, alignment, "  ");
  std::size_t line = 0, begin = 0;
  for (std::size_t end = all.find('\n'); end != std::string::npos; end = all.find('\n', begin)) {
    absl::StrAppend(&out, marksBefore[line++], all.substr(begin, end + 1 - begin));
    begin = end + 1;
  }
  if (chosen.empty()) out.clear();
  absl::StrAppend(&out, marksUntil(HUGE_VAL));
  const std::size_t hidden = table.rows() - chosen.size();
  if (hidden > 0) absl::StrAppend(&out, "  ", hidden, " rows between (--nodecount=0 shows all)\n");
  return out;
}

}  // namespace

std::string timelineText(const model::Snapshot& snapshot, const analysis::TimelineResult& result,
                         std::size_t lines) {
  const double span = spanOf(result);
  const Column& time = *result.rows.find("time");
  std::string out = absl::StrCat(snapshot.path(), ": ", time.size(), time.size() == 1 ? " row" : " rows");
  if (time.size() > 0) {
    absl::StrAppend(&out, " from ", analysis::sinceStart(time.values.front(), span), " to ",
                    analysis::sinceStart(time.values.back(), span));
  }
  absl::StrAppend(&out, " since the start");
  if (const std::string start = analysis::startedAt(snapshot); !start.empty())
    absl::StrAppend(&out, " at ", start);
  absl::StrAppend(&out, "\n", figures(result, span));
  for (const std::string& note : result.rows.notes) absl::StrAppend(&out, "  note: ", note, "\n");
  return absl::StrCat(out, "\n", listing(result, lines, span));
}

}  // namespace heapprof::report
