#include "profiler/report/sizes_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

using model::bytesText, model::cellText;
using Rows = std::vector<std::vector<std::string>>;

std::string classesText(const model::Table& table) {
  Rows rows{{"Class", "Objects", "Requests", "Slots", "Slack", "", "Fit"}};
  const model::Column& slack = *table.find("slack");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const double least = table.find("least")->values[row], most = table.find("most")->values[row];
    rows.push_back(
        {absl::StrFormat("%.0f", table.find("class_size")->values[row]),
         cellText(*table.find("objects"), row),
         least == most ? absl::StrFormat("%.0f", least) : absl::StrFormat("%.0f to %.0f", least, most),
         cellText(*table.find("slots"), row), cellText(slack, row), errorAt(slack, row),
         cellText(*table.find("fit"), row)});
  }
  return aligned(rows,
                 {Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kLeft,
                  Align::kRight},
                 "  ");
}

std::string misfitsText(const model::Table& table, std::size_t most, bool fullStacks) {
  Rows rows{{"Slack", "", "Asks for", "Gets", "Objects", "Function"}};
  const model::Column& slack = *table.find("slack");
  const model::Column& over = *table.find("over");
  const std::size_t shown = std::min(most, table.rows());
  for (std::size_t row = 0; row < shown; ++row) {
    const double from = table.find("least")->values[row], to = table.find("most")->values[row];
    rows.push_back({cellText(slack, row), errorAt(slack, row),
                    from == to ? absl::StrFormat("%.0f", from) : absl::StrFormat("%.0f to %.0f", from, to),
                    absl::StrFormat("%.0f", table.find("class_size")->values[row]),
                    cellText(*table.find("objects"), row), table.find("owner")->texts[row]});
  }
  const std::vector<std::string> each = absl::StrSplit(
      aligned(rows, {Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft},
              "  "),
      '\n');
  std::string out = absl::StrCat(table.title, "\n", each[0], "\n");
  for (std::size_t row = 0; row < shown; ++row) {
    absl::StrAppend(&out, each[row + 1], "\n",
                    stackLines(table.find("stack")->texts[row], table.find("owner")->texts[row], fullStacks,
                               "          "));
    // Worth a hint where a small change of the request does it.
    const double gets = table.find("class_size")->values[row], from = table.find("least")->values[row];
    if (over.isKnown(row) && from == table.find("most")->values[row] && over.values[row] <= 0.1 * gets) {
      const double below = table.find("below")->values[row];
      absl::StrAppendFormat(&out, "          %.0f bytes less would fit %.0f and save %s\n", over.values[row],
                            below, bytesText((gets - below) * table.find("objects")->values[row]));
    }
  }
  if (table.rows() > shown)
    absl::StrAppend(&out, "  ", table.rows() - shown, " more (--nodecount=0 shows all)\n");
  return out;
}

}  // namespace

std::string sizesText(const model::Snapshot& snapshot, const analysis::SizesResult& result, std::size_t rows,
                      bool fullStacks) {
  std::string out = absl::StrFormat(
      "%s: live objects asked for %s and take slots of %s: %.1f%% is rounding\n\n%s\n%s", snapshot.path(),
      bytesText(result.requested), bytesText(result.slotBytes),
      result.slotBytes > 0 ? 100 * (result.slotBytes - result.requested) / result.slotBytes : 0,
      classesText(result.classes), misfitsText(result.misfits, rows, fullStacks));
  const bool worth = result.savedHeldOut > 0.01 * result.slotBytes;
  absl::StrAppend(&out, "\nBetter classes for this program, ", result.proposed.size(), " where it uses ",
                  result.used.size(), "\n");
  if (!worth) {
    absl::StrAppend(&out, "  none: on samples that it was not fitted to, the best choice saves ",
                    bytesText(result.savedHeldOut), "\n");
    return out;
  }
  absl::StrAppend(&out, "  would save ", model::bytesWithError(result.saved, result.savedError), " of ",
                  bytesText(result.slotBytes), "; ", bytesText(result.savedHeldOut),
                  " on samples that they were not fitted to\n  now   ", absl::StrJoin(result.used, " "),
                  "\n  then  ", absl::StrJoin(result.proposed, " "), "\n");
  return out;
}

std::string costText(const model::Snapshot& snapshot, const analysis::CostResult& result,
                     const std::string& currency) {
  // Small programs cost fractions of a cent: 0.00 for what is not nothing would be false.
  const auto money = [&currency](double value) {
    if (value > 0 && value < 0.005) return absl::StrCat("under ", currency, "0.01");
    return absl::StrFormat("%s%.2f", currency, std::fabs(value) < 0.005 ? 0.0 : value);
  };
  const auto block = [&money](const model::Table& table, const char* name) {
    Rows rows{{"", "Bytes", "A month", ""}};
    const model::Column &month = *table.find("month"), &low = *table.find("low"), &high = *table.find("high");
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const bool known = month.isKnown(row);
      const bool isRange =
          known && high.values[row] >= 0.005 && money(low.values[row]) != money(high.values[row]);
      rows.push_back({table.find(name)->texts[row], cellText(*table.find("bytes"), row),
                      known ? money(month.values[row]) : "unknown",
                      isRange ? absl::StrCat(money(low.values[row]), " to ", money(high.values[row])) : ""});
    }
    return absl::StrCat(table.title, "\n",
                        aligned(rows, {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft}, "  "));
  };
  std::string out =
      absl::StrCat(snapshot.path(), ": ", std::isnan(result.month) ? "unknown" : money(result.month),
                   " a month as it is now",
                   std::isnan(result.peakMonth) ? "" : ", " + money(result.peakMonth) + " at its peak",
                   "\n\n", block(result.lines, "label"), "\n", block(result.owners, "owner"), "\nAssumed\n");
  for (const std::string& line : result.assumptions) absl::StrAppend(&out, "  ", line, "\n");
  return out;
}

}  // namespace heapprof::report
