#include "profiler/report/summary_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/analysis/node_table.h"
#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

std::string headline(const model::Snapshot& snapshot) {
  const heapprof::Header& header = snapshot.heap().header();
  std::string line = analysis::programName(snapshot);
  if (line.empty()) line = snapshot.path();
  if (header.pid() != 0) absl::StrAppend(&line, ", pid ", header.pid());
  if (snapshot.hasHeapSnapshot()) {
    absl::StrAppend(
        &line, header.has_sampling_interval_bytes()
                   ? absl::StrCat(", one sample each ",
                                  model::bytesText(static_cast<double>(header.sampling_interval_bytes())))
                   : std::string(", sampling off"));
  }
  if (header.reason() == heapprof::GENERATED)
    absl::StrAppend(&line, ", made by a generator: not a real program");
  return absl::StrCat(line, "\n");
}

// All lines in the unit of the total, so that they can be added up by eye.
std::string inUnit(double bytes, const std::string& unit, bool plus = false) {
  model::Scaled one = model::scale(1, unit, "bytes");
  const double value = bytes / one.value;
  return plus ? absl::StrFormat("%+.2f%s", value, unit) : absl::StrFormat("%.2f%s", value, unit);
}

std::string bar(double share) {
  constexpr int kWidth = 32;
  if (!(share > 0)) return "";
  const int cells = static_cast<int>(std::lround(std::min(share, 1.0) * kWidth));
  return cells == 0 ? "." : std::string(static_cast<std::size_t>(cells), '#');
}

std::string chart(const model::Table& waterfall) {
  const model::Column& label = *waterfall.find("label");
  const model::Column& bytes = *waterfall.find("bytes");
  const model::Column& share = *waterfall.find("fraction");
  const model::Column& change = *waterfall.find("change");
  double total = 0;
  bool compare = false, known = false;
  for (std::size_t row = 0; row < waterfall.rows(); ++row) {
    if (bytes.isKnown(row)) total += bytes.values[row];
    compare = compare || change.isKnown(row);
    known = known || share.isKnown(row);
  }
  const std::string unit = model::scale(std::llround(std::fabs(total)), "bytes", "auto").unit;
  std::vector<std::vector<std::string>> rows;
  double changeTotal = 0;
  for (std::size_t row = 0; row < waterfall.rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    cells = {label.texts[row], bytes.isKnown(row) ? inUnit(bytes.values[row], unit) : "unknown", "", "", ""};
    if (share.isKnown(row)) cells[2] = absl::StrFormat("%.1f%%", share.values[row] * 100);
    if (compare && change.isKnown(row)) {
      changeTotal += change.values[row];
      cells[3] = inUnit(change.values[row], unit, true);
    }
    if (share.isKnown(row)) cells[4] = bar(share.values[row]);
    const double error = row < bytes.standardError.size() ? bytes.standardError[row] : std::nan("");
    if (bytes.isKnown(row) && !std::isnan(error)) absl::StrAppend(&cells[4], " ± ", model::bytesText(error));
  }
  rows.push_back({known ? "= kernel RSS" : "= known lines", inUnit(total, unit), known ? "100%" : "",
                  compare ? inUnit(changeTotal, unit, true) : "", ""});
  return absl::StrCat(
      waterfall.title, compare ? " (and its change)" : "", "\n",
      aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft}, "  "));
}

}  // namespace

std::string summaryText(const model::Snapshot& snapshot, const model::Table* waterfall,
                        const std::vector<analysis::Finding>& findings) {
  std::string out = headline(snapshot);
  if (waterfall != nullptr) {
    absl::StrAppend(&out, "\n", chart(*waterfall));
    for (const std::string& note : waterfall->notes) absl::StrAppend(&out, "  note: ", note, "\n");
  }
  if (findings.empty()) {
    absl::StrAppend(&out, "\nNothing stands out.\n");
    return out;
  }
  absl::StrAppend(&out, "\nFindings, largest first\n");
  for (std::size_t i = 0; i < findings.size(); ++i) {
    absl::StrAppend(&out, "  ", i + 1, ". ", findings[i].title, "\n     ", findings[i].detail, "\n     $ ",
                    findings[i].command, "\n");
  }
  return out;
}

}  // namespace heapprof::report
