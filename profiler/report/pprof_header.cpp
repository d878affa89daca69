#include "profiler/report/pprof_header.h"

#include <cmath>
#include <ctime>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "profiler/analysis/filters.h"
#include "profiler/analysis/node_table.h"
#include "profiler/model/units.h"

namespace heapprof::report {
namespace {

std::string timeLabel(std::int64_t nanos) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::time_t seconds = static_cast<std::time_t>(nanos / 1000000000 - (nanos % 1000000000 < 0 ? 1 : 0));
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return "";
  const int hour = local.tm_hour % 12 == 0 ? 12 : local.tm_hour % 12;
  return absl::StrFormat("Time: %s %d, %d at %d:%02d%s (%s)", kMonths[local.tm_mon], local.tm_mday,
                         local.tm_year + 1900, hour, local.tm_min, local.tm_hour < 12 ? "am" : "pm",
                         local.tm_zone);
}

void addFilterLabels(const model::Filters& filters, std::vector<std::string>* labels) {
  const std::vector<std::string> active = analysis::activeFilters(filters);
  if (active.empty()) return;
  constexpr std::size_t kLongest = 80;
  labels->push_back("Active filters:");
  for (const std::string& filter : active) {
    labels->push_back(filter.size() > kLongest ? absl::StrCat("   ", filter.substr(0, kLongest), "…")
                                               : absl::StrCat("   ", filter));
  }
}

}  // namespace

std::int64_t exact(double value) {
  return static_cast<std::int64_t>(value);
}

Figures::Figures(const model::Query& query, const analysis::TopResult& result) : Figures(query, result.unit) {
  if (unit_ == "minimum" && result.table.rows() > 0) choose(result);
}

Figures::Figures(const model::Query& query, std::string sampleUnit)
    : sampleUnit_(std::move(sampleUnit)), unit_(query.unit), ratio_(1 / query.divideBy) {}

std::string Figures::operator()(std::int64_t value) const {
  return model::scaledLabel(scaled(value), sampleUnit_, unit_);
}

std::int64_t Figures::scaled(std::int64_t value) const {
  return ratio_ > 0 && ratio_ != 1 ? static_cast<std::int64_t>(static_cast<double>(value) * ratio_) : value;
}

void Figures::choose(const analysis::TopResult& result) {
  const model::Column& flat = *result.table.find("flat");
  const model::Column& cum = *result.table.find("cum");
  std::int64_t least = 0, most = exact(result.total);
  for (std::size_t row = 0; row < result.table.rows(); ++row) {
    std::int64_t value = std::llabs(exact(flat.values[row]));
    if (value == 0) value = std::llabs(exact(cum.values[row]));
    if (value > 0 && (least == 0 || value < least)) least = value;
  }
  if (least == 0) least = most;
  least = scaled(least);
  most = scaled(most);
  std::string unit = model::scale(least, sampleUnit_, "minimum").unit;
  if (unit != model::scale(most, sampleUnit_, "minimum").unit && least * 100 < most) {
    unit = model::scale(100 * least, sampleUnit_, "minimum").unit;
  }
  unit_ = unit.empty() ? sampleUnit_ : unit;
}

// The earlier time, the sum of durations, comments once each.
std::vector<std::string> profileLabels(const model::Query& query, const Figures& figures,
                                       const std::string& metric, const std::string& sampleUnit,
                                       std::int64_t total) {
  std::vector<std::string> labels;
  const model::Snapshot& snapshot = *query.snapshot;
  std::vector<const model::Snapshot*> sides{&snapshot};
  const bool subtract = query.baseline != nullptr && query.baselineMode != model::BaselineMode::kNone;
  if (subtract) sides.push_back(query.baseline.get());
  if (!snapshot.columns().mappings.empty()) {
    const formats::Mapping& main = snapshot.columns().mappings.front();
    if (main.file != 0)
      labels.push_back(absl::StrCat("File: ", analysis::baseName(snapshot.text(main.file))));
    if (main.buildId != 0) labels.push_back(absl::StrCat("Build ID: ", snapshot.text(main.buildId)));
  }
  std::int64_t time = 0, duration = 0;
  std::set<absl::string_view> comments;
  for (const model::Snapshot* side : sides) {
    const formats::ProfileColumns& columns = side->columns();
    if (time == 0 || columns.timeNanos < time) time = columns.timeNanos;
    duration += columns.durationNanos;
    for (formats::StringIndex comment : columns.comments) {
      absl::string_view text = side->text(comment);
      if (comments.insert(text).second && !absl::StartsWith(text, "#")) labels.emplace_back(text);
    }
  }
  if (!metric.empty()) labels.push_back(absl::StrCat("Type: ", metric));
  if (time != 0) labels.push_back(timeLabel(time));
  if (duration != 0) {
    const model::Scaled nanos = model::scale(total, sampleUnit, "nanoseconds");
    std::string ratio;
    if (nanos.unit == "ns" && nanos.value != 0) {
      ratio = absl::StrCat("(", model::percentage(exact(nanos.value), duration), ")");
    }
    labels.push_back(absl::StrCat("Duration: ", model::scaledLabel(duration, "nanoseconds", "auto"),
                                  ", Total samples = ", figures(total), " ", ratio));
  }
  return labels;
}

std::string graphHeader(const model::Query& query, const analysis::TopResult& result,
                        const Figures& figures) {
  const std::int64_t total = exact(result.total), shown = exact(result.shownFlat);
  std::vector<std::string> labels = profileLabels(query, figures, result.metric, result.unit, total);
  addFilterLabels(query.filters, &labels);
  std::string share = model::percentage(shown, total);
  labels.push_back(absl::StrCat("Showing nodes accounting for ", figures(shown), ", ",
                                absl::StripAsciiWhitespace(share), " of ", figures(total), " total"));
  if (total != 0) {
    if (result.droppedNodes > 0) {
      labels.push_back(absl::StrCat("Dropped ", result.droppedNodes,
                                    result.droppedNodes > 1 ? " nodes" : " node",
                                    " (cum <= ", figures(exact(result.dropBelowCum)), ")"));
    }
    const std::size_t rows = result.table.rows();
    if (rows > 0 && rows < result.keptNodes) {
      labels.push_back(absl::StrCat("Showing top ", rows, " nodes out of ", result.keptNodes));
    }
  }
  return absl::StrCat(absl::StrJoin(labels, "\n"), "\n");
}

}  // namespace heapprof::report
