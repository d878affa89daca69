#include "profiler/report/summary_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"
#include "profiler/report/dump_text.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

std::string headline(const model::Snapshot& snapshot) {
  std::string line = dumpText(snapshot);
  if (snapshot.heap().header().reason() == heapprof::GENERATED)
    absl::StrAppend(&line, ": not a real program");
  return absl::StrCat(line, "\n");
}

// All lines in the unit of the total, so that they can be added up by eye; what would vanish there in its
// own.
std::string inUnit(double bytes, const std::string& unit, bool plus = false) {
  const double value = bytes / model::scale(1, unit, "bytes").value;
  if (std::fabs(value) < 0.005) return model::bytesText(bytes, plus);
  return plus ? absl::StrFormat("%+.2f%s", value, unit) : absl::StrFormat("%.2f%s", value, unit);
}

std::string bar(double share) {
  constexpr int kWidth = 32;
  if (!(share > 0)) return "";
  const int cells = static_cast<int>(std::lround(std::min(share, 1.0) * kWidth));
  return cells == 0 ? "." : std::string(static_cast<std::size_t>(cells), '#');
}

struct Chart {
  double total = 0, changeTotal = 0;
  bool hasBase = false;
  bool known = false;  // the kernel's figure, to which the lines sum
  std::string text;
};

Chart chartOf(const model::Table& waterfall) {
  const model::Column& label = *waterfall.find("label");
  const model::Column& bytes = *waterfall.find("bytes");
  const model::Column& share = *waterfall.find("fraction");
  const model::Column& change = *waterfall.find("change");
  Chart chart;
  for (std::size_t row = 0; row < waterfall.rows(); ++row) {
    if (bytes.isKnown(row)) chart.total += bytes.values[row];
    if (change.isKnown(row)) chart.changeTotal += change.values[row];
    chart.hasBase = chart.hasBase || change.isKnown(row);
    chart.known = chart.known || share.isKnown(row);
  }
  const std::string unit = model::bytesUnit(chart.total);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t row = 0; row < waterfall.rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back(6);
    cells[0] = label.texts[row];
    cells[1] = bytes.isKnown(row) ? inUnit(bytes.values[row], unit) : "unknown";
    const double error = row < bytes.standardError.size() ? bytes.standardError[row] : std::nan("");
    if (bytes.isKnown(row) && !std::isnan(error)) {
      const bool told = std::fabs(bytes.values[row]) > 2 * error;
      cells[2] = told ? absl::StrCat("± ", inUnit(error, unit))
                      : model::errorText(model::Unit::kBytes, bytes.values[row], error);
    }
    if (share.isKnown(row))
      cells[3] =
          absl::StrFormat("%.1f%%", std::fabs(share.values[row]) < 0.0005 ? 0 : share.values[row] * 100);
    if (chart.hasBase && change.isKnown(row)) cells[4] = inUnit(change.values[row], unit, true);
    if (share.isKnown(row)) cells[5] = bar(share.values[row]);
  }
  rows.push_back({chart.known ? "= kernel RSS" : "= known lines", inUnit(chart.total, unit), "",
                  chart.known ? "100%" : "", chart.hasBase ? inUnit(chart.changeTotal, unit, true) : "", ""});
  chart.text = aligned(
      rows, {Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft}, "  ");
  return chart;
}

// The answer before its account: "115.45MB resident, 88.67MB more than the baseline's 26.78MB".
std::string answer(const Chart& chart) {
  std::string line = absl::StrCat(model::bytesText(chart.total), chart.known ? " resident" : " known");
  if (!chart.hasBase) return line;
  const std::string was = model::bytesText(chart.total - chart.changeTotal);
  if (chart.changeTotal == 0) return absl::StrCat(line, ", as in the baseline");
  return absl::StrCat(line, ", ", model::bytesText(std::fabs(chart.changeTotal)),
                      chart.changeTotal > 0 ? " more" : " less", " than the baseline's ", was);
}

}  // namespace

std::string summaryText(const model::Snapshot& snapshot, const model::Snapshot* baseline,
                        const model::Table* waterfall, const std::vector<analysis::Finding>& findings) {
  std::string out = headline(snapshot);
  if (baseline != nullptr) {
    absl::StrAppend(&out, "compared with ", baseline->path(), ": ", earlierText(*baseline, snapshot), "\n");
  }
  if (waterfall != nullptr) {
    const Chart chart = chartOf(*waterfall);
    absl::StrAppend(&out, "\n", waterfall->title, ": ", answer(chart), "\n", chart.text);
    for (const std::string& note : waterfall->notes) absl::StrAppend(&out, "  note: ", note, "\n");
  }
  if (findings.empty()) {
    absl::StrAppend(&out, "\nNothing stands out.\n");
    return out;
  }
  const bool grew = findings.front().id == "growth";
  absl::StrAppend(&out, "\nFindings, ", grew ? "what grew first" : "largest first", "\n");
  for (std::size_t i = 0; i < findings.size(); ++i) {
    absl::StrAppend(&out, "  ", i + 1, ". ", findings[i].title, "\n     ", findings[i].detail, "\n     $ ",
                    findings[i].command, "\n");
  }
  return out;
}

}  // namespace heapprof::report
