#include "profiler/analysis/trend.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/row_groups.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

constexpr double kSameWithin = 2;  // standard errors of the slope

struct TotalField {
  const char* name;
  bool (heapprof::Totals::*has)() const;
  std::uint64_t (heapprof::Totals::*get)() const;
};
using T = heapprof::Totals;
constexpr TotalField kTotals[] = {
    {"kernel RSS", &T::has_kernel_rss_bytes, &T::kernel_rss_bytes},
    {"live (counted)", &T::has_live_bytes, &T::live_bytes},
    {"free slots in slabs", &T::has_free_slot_bytes, &T::free_slot_bytes},
    {"thread caches", &T::has_thread_cache_bytes, &T::thread_cache_bytes},
    {"dirty free pages", &T::has_dirty_bytes, &T::dirty_bytes},
    {"allocator metadata", &T::has_metadata_bytes, &T::metadata_bytes},
    {"not the heap", &T::has_other_mappings_bytes, &T::other_mappings_bytes},
};

std::uint64_t timeOf(const model::Snapshot& snapshot) {
  const std::uint64_t dumped = snapshot.heap().header().dump_time_nanos();
  if (dumped != 0) return dumped;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(snapshot.columns().timeNanos, 0));
}

}  // namespace

void TrendSums::add(double time, double value, double variance) {
  y += value;
  ty += time * value;
  yy += value * value;
  v += variance;
  tv += time * variance;
  ttv += time * time * variance;
  most = seen == 0 ? value : std::max(most, value);
  if (seen == 0 || time < firstTime) firstTime = time, first = value;
  if (seen == 0 || time >= lastTime) lastTime = time, last = value;
  ++seen;
}

absl::Status Trend::add(const model::Query& query, const Cancel& cancel) {
  const model::Snapshot& snapshot = *query.snapshot;
  // The metric of the first dump is meant in all, whatever their default is.
  model::Query asked = query;
  if (times_ > 0) asked.metric = metric_;
  const absl::optional<std::size_t> type = snapshot.sampleType(asked.metric);
  if (!type) return absl::InvalidArgumentError(absl::StrCat(snapshot.path(), ": holds no ", asked.metric));
  absl::StatusOr<RowGroups> groups = groupRows(asked, cancel);
  if (!groups.ok()) return groups.status();
  const std::uint64_t now = timeOf(snapshot);
  if (times_ == 0) {
    origin_ = now;
    metric_ = std::string(snapshot.text(snapshot.columns().sampleTypes[*type].type));
    unit_ = std::string(snapshot.sampleTypeUnit(*type));
  }
  const double time = (static_cast<double>(now) - static_cast<double>(origin_)) * 1e-9;
  earliest_ = times_ == 0 ? time : std::min(earliest_, time);
  latest_ = times_ == 0 ? time : std::max(latest_, time);
  t_ += time;
  tt_ += time * time;
  ++times_;

  std::vector<double> value(groups->size(), 0), variance(groups->size(), 0);
  const std::size_t types = snapshot.columns().sampleTypes.size();
  for (std::size_t row = 0; row < groups->groupOf.size(); ++row) {
    const std::uint32_t group = groups->groupOf[row];
    if (group == kNoGroup) continue;
    value[group] += static_cast<double>(snapshot.columns().samples.values[row * types + *type]);
    variance[group] += snapshot.variance(row, *type).value_or(model::kNoError);
  }
  for (std::size_t group = 0; group < groups->size(); ++group) {
    if (value[group] == 0) continue;
    auto [at, added] = rowOf_.try_emplace(groups->stack[group], stacks_.size());
    if (added) stacks_.push_back({groups->owner[group], groups->stack[group], {}});
    stacks_[at->second].sums.add(time, value[group], variance[group]);
  }
  addTotals(snapshot, time);
  return absl::OkStatus();
}

void Trend::addTotals(const model::Snapshot& snapshot, double time) {
  double all = 0, variance = 0;
  const absl::optional<std::size_t> type = snapshot.sampleType(metric_);
  const std::size_t types = snapshot.columns().sampleTypes.size();
  for (std::size_t row = 0; row < snapshot.columns().samples.size(); ++row) {
    all += static_cast<double>(snapshot.columns().samples.values[row * types + *type]);
    variance += snapshot.variance(row, *type).value_or(model::kNoError);
  }
  auto put = [this, time](const std::string& name, double value, double error) {
    auto at =
        std::find_if(totals_.begin(), totals_.end(), [&name](const auto& one) { return one.first == name; });
    if (at == totals_.end()) at = totals_.insert(at, {name, TrendSums()});
    at->second.add(time, value, error);
  };
  put(metric_, all, variance);
  for (const TotalField& field : kTotals) {
    const T& totals = snapshot.heap().totals();
    if ((totals.*field.has)()) put(field.name, static_cast<double>((totals.*field.get)()), 0);
  }
}

TrendLine Trend::lineOf(const TrendSums& sums) const {
  const double n = static_cast<double>(times_), middle = t_ / n, spread = tt_ - t_ * t_ / n;
  TrendLine line{0, model::kNoError};
  if (!(spread > 0)) return line;
  const double together = sums.ty - middle * sums.y;
  line.slope = together / spread;
  const double sampling =
      std::sqrt(std::max(0.0, sums.ttv - 2 * middle * sums.tv + middle * middle * sums.v)) / spread;
  double scatter = 0;
  if (times_ > 2) {
    const double rest = sums.yy - sums.y * sums.y / n - line.slope * together;
    scatter = std::sqrt(std::max(0.0, rest) / (n - 2) / spread);
  }
  line.error = std::isnan(sampling) ? scatter : std::max(sampling, scatter);
  if (times_ <= 2 && !(sampling > 0)) line.error = model::kNoError;
  return line;
}

absl::StatusOr<Trend::Result> Trend::result() const {
  if (times_ < 2 || !(latest_ > earliest_)) {
    return absl::InvalidArgumentError("a trend needs at least two dumps of different times");
  }
  Result out;
  out.seconds = latest_ - earliest_;
  out.metric = metric_;
  const Unit unit = unitOf(unit_), rateUnit = unit == Unit::kBytes ? Unit::kBytesPerSecond : unit;
  Column name = textColumn("name", "Total", "what is followed");
  Column totalFirst = numberColumn("first", "First", Unit::kBytes, "in the earliest dump that has it");
  Column totalLast = numberColumn("last", "Last", Unit::kBytes, "in the latest dump that has it");
  Column totalRate =
      numberColumn("rate", "Rate", Unit::kBytesPerSecond, "slope of least squares, a second", true);
  Column totalMost = numberColumn("most", "Most", Unit::kBytes, "of all dumps");
  Column totalSeen = numberColumn("dumps", "Dumps", Unit::kCount, "that have it");
  for (const auto& [title, sums] : totals_) {
    const TrendLine line = lineOf(sums);
    name.texts.push_back(title);
    addKnown(totalFirst, sums.first);
    addKnown(totalLast, sums.last);
    // Dumps that do not know a total would count as 0.
    sums.seen == times_ ? addWithError(totalRate, line.slope, line.error) : addUnknown(totalRate);
    totalRate.standardError.resize(totalRate.values.size(), model::kNoError);
    addKnown(totalMost, sums.most);
    addKnown(totalSeen, static_cast<double>(sums.seen));
  }
  totalFirst.unit = totalLast.unit = totalMost.unit = unit == Unit::kBytes ? Unit::kBytes : Unit::kCount;
  out.totals.id = "trend_totals";
  out.totals.title = "Totals over time";
  out.totals.columns = {std::move(name),      std::move(totalFirst), std::move(totalLast),
                        std::move(totalRate), std::move(totalMost),  std::move(totalSeen)};

  Column state = textColumn(
      "state", "State", "NEW, GONE, PASSING (in neither end), GROWN, SHRUNK, or SAME within twice its error");
  Column rate = numberColumn("rate", "Rate", rateUnit, "slope of least squares, a second", true);
  Column first = numberColumn("first", "First", unit, "in the earliest dump");
  Column last = numberColumn("last", "Last", unit, "in the latest dump");
  Column most = numberColumn("most", "Most", unit, "of all dumps");
  Column seen = numberColumn("dumps", "Dumps", Unit::kCount, "in which it held something");
  Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  Column stack = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  std::vector<TrendLine> lines;
  for (const Stack& one : stacks_) lines.push_back(lineOf(one.sums));
  std::vector<std::size_t> order(stacks_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&lines](std::size_t a, std::size_t b) {
    return std::fabs(lines[a].slope) > std::fabs(lines[b].slope);
  });
  for (std::size_t row : order) {
    const TrendSums& sums = stacks_[row].sums;
    const bool atStart = sums.firstTime <= earliest_, atEnd = sums.lastTime >= latest_;
    const double error = std::isnan(lines[row].error) ? 0 : lines[row].error;
    state.texts.emplace_back(!atStart && !atEnd                                   ? "PASSING"
                             : !atStart                                           ? "NEW"
                             : !atEnd                                             ? "GONE"
                             : std::fabs(lines[row].slope) <= kSameWithin * error ? "SAME"
                             : lines[row].slope > 0                               ? "GROWN"
                                                                                  : "SHRUNK");
    addWithError(rate, lines[row].slope, lines[row].error);
    addKnown(first, atStart ? sums.first : 0);
    addKnown(last, atEnd ? sums.last : 0);
    addKnown(most, sums.most);
    addKnown(seen, static_cast<double>(sums.seen));
    owner.texts.push_back(stacks_[row].owner);
    stack.texts.push_back(stacks_[row].stack);
  }
  out.stacks.id = "trend";
  out.stacks.title = absl::StrCat(model::metricTitle(metric_), " over time, by stack");
  out.stacks.columns = {std::move(state), std::move(rate), std::move(first), std::move(last),
                        std::move(most),  std::move(seen), std::move(owner), std::move(stack)};
  return out;
}

}  // namespace heapprof::analysis
