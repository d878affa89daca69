#include "profiler/analysis/timeline.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;
using Recorded = google::protobuf::RepeatedField<std::uint64_t>;

struct Measure {
  const char *id, *title, *help;
  const Recorded& (heapprof::Timeline::*of)() const;
};
constexpr Measure kMeasures[] = {
    {"rss", "RSS", "resident memory of the whole process", &heapprof::Timeline::rss_bytes},
    {"live", "Live", "allocated and not freed", &heapprof::Timeline::live_bytes},
    {"dirty", "Dirty (free)", "free pages that are resident: the next purge may return them",
     &heapprof::Timeline::dirty_bytes},
    {"purged", "Purged", "given back to the kernel so far", &heapprof::Timeline::purged_bytes},
    {"huge", "On huge pages", "backed by huge pages: fewer misses of the TLB",
     &heapprof::Timeline::huge_bytes},
    {"allocated", "Allocated", "all that was allocated since the start, freed or not",
     &heapprof::Timeline::allocated_bytes},
};

// Rows in the order of their times; a merged or thinned timeline need not be written so.
std::vector<int> inOrder(const Recorded& times) {
  std::vector<int> order(static_cast<std::size_t>(times.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return times.Get(a) < times.Get(b); });
  return order;
}

Column measureColumn(const Measure& measure, const heapprof::Timeline& timeline,
                     const std::vector<int>& order) {
  Column column = numberColumn(measure.id, measure.title, Unit::kBytes, measure.help);
  const Recorded& recorded = (timeline.*measure.of)();
  for (const int row : order) {
    row < recorded.size() ? addKnown(column, static_cast<double>(recorded.Get(row))) : addUnknown(column);
  }
  return column;
}

// Over the time since the row before; the first row has none before it. What waits in a thread's cache counts
// until the cache is emptied, so at rest the counter falls by a hair; one that fell by more says nothing.
Column rateColumn(const Column& time, const Column& allocated) {
  Column rate = numberColumn("allocation_rate", "Allocated/s", Unit::kBytesPerSecond,
                             "how fast was allocated since the row before");
  for (std::size_t row = 0; row < time.size(); ++row) {
    if (row == 0) {
      allocated.isKnown(row) ? addBlank(rate) : addUnknown(rate);
      continue;
    }
    constexpr double kHair = 0.01;
    double bytes = allocated.values[row] - allocated.values[row - 1];
    if (bytes < 0 && -bytes <= kHair * allocated.values[row - 1]) bytes = 0;
    const double seconds = (time.values[row] - time.values[row - 1]) * 1e-9;
    allocated.isKnown(row) && bytes >= 0 && seconds > 0 ? addKnown(rate, bytes / seconds) : addUnknown(rate);
  }
  return rate;
}

model::Table rowTable(const heapprof::Timeline& timeline) {
  const std::vector<int> order = inOrder(timeline.time_nanos());
  Column time = numberColumn("time", "Time", Unit::kNanoseconds, "since the program's start");
  for (const int row : order) addKnown(time, static_cast<double>(timeline.time_nanos(row)));
  model::Table table;
  table.id = "timeline";
  table.title = "The heap over time";
  table.columns.push_back(std::move(time));
  for (const Measure& measure : kMeasures) table.columns.push_back(measureColumn(measure, timeline, order));
  table.columns.push_back(rateColumn(table.columns.front(), table.columns.back()));
  std::string missing;
  for (const Column& column : table.columns) {
    if (table.rows() == 0 || column.isKnown(0) || column.isBlank(0) || column.id == "allocation_rate")
      continue;
    absl::StrAppend(&missing, missing.empty() ? "" : ", ", column.title);
  }
  if (!missing.empty()) table.notes.push_back(absl::StrCat("not recorded, so unknown: ", missing));
  return table;
}

model::Table markTable(const model::Snapshot& snapshot) {
  const heapprof::Timeline& timeline = snapshot.heap().timeline();
  Column time = numberColumn("time", "Time", Unit::kNanoseconds, "since the program's start");
  Column name = textColumn("name", "Mark", "as the program named it with heapprof_mark()");
  for (const int row : inOrder(timeline.mark_time_nanos())) {
    addKnown(time, static_cast<double>(timeline.mark_time_nanos(row)));
    name.texts.emplace_back(row < timeline.mark_name_size() ? snapshot.snapshotText(timeline.mark_name(row))
                                                            : "");
  }
  model::Table table;
  table.id = "marks";
  table.title = "Marks";
  table.columns = {std::move(time), std::move(name)};
  return table;
}

}  // namespace

absl::StatusOr<TimelineResult> timeline(const model::Query& query) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const model::Snapshot& snapshot = *query.snapshot;
  const heapprof::Timeline& recorded = snapshot.heap().timeline();
  if (!snapshot.hasHeapSnapshot() ||
      (recorded.time_nanos_size() == 0 && recorded.mark_time_nanos_size() == 0)) {
    return absl::FailedPreconditionError(absl::StrCat(
        snapshot.path(),
        ": holds no timeline (HeapSnapshot field 8); record one with HEAPPROF=...,timeline=1s or ",
        "heapprof run --set timeline=1s -- CMD"));
  }
  return TimelineResult{rowTable(recorded), markTable(snapshot)};
}

std::string sinceStart(double nanos, double spanNanos) {
  if (spanNanos < 10e9) return absl::StrFormat("%.2fs", nanos * 1e-9);
  const std::int64_t whole = static_cast<std::int64_t>(nanos) / 1000000000;  // as a clock shows it
  const std::int64_t days = whole / 86400, hours = whole / 3600, minutes = whole / 60 % 60;
  if (days > 0) return absl::StrFormat("%dd %02d:%02d:%02d", days, hours % 24, minutes, whole % 60);
  if (spanNanos >= 3600e9 || hours > 0) return absl::StrFormat("%d:%02d:%02d", hours, minutes, whole % 60);
  return absl::StrFormat("%d:%02d", minutes, whole % 60);
}

std::string startedAt(const model::Snapshot& snapshot) {
  const std::uint64_t start = snapshot.heap().header().start_time_nanos();
  if (start == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S%Ez", absl::FromUnixNanos(static_cast<std::int64_t>(start)),
                          absl::LocalTimeZone());
}

}  // namespace heapprof::analysis
