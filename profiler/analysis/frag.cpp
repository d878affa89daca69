// `fragmentation()`: the tables. What is shared out to whom is frag_shares.cpp's.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/frag_shares.h"
#include "profiler/analysis/row_groups.h"
#include "profiler/analysis/unit_samples.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

constexpr std::size_t kMostPages = 64;

model::Table levelsTable(const model::Snapshot& snapshot, const UnitRooms& units, double slabFree,
                         double resident) {
  const heapprof::Totals& totals = snapshot.heap().totals();
  double pinned = 0, loose = 0;
  for (const UnitRoom& unit : units.rows()) (unit.live > 0 ? pinned : loose) += unit.dirty;
  Column id = textColumn("id", "Id", "the level's stable name");
  Column label = textColumn("label", "Level", "what the bytes are");
  Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "resident bytes that hold no data");
  Column share = numberColumn("fraction", "Share", Unit::kFraction, "of the heap's resident bytes");
  Column help = textColumn("help", "Meaning", "what it is and what to do about it");
  auto add = [&](const char* name, const char* title, absl::optional<double> value, double error,
                 const char* meaning) {
    id.texts.emplace_back(name);
    label.texts.emplace_back(title);
    help.texts.emplace_back(meaning);
    value ? addWithError(bytes, *value, error) : addUnknown(bytes);
    bytes.standardError.resize(bytes.values.size(), model::kNoError);
    value&& resident > 0 ? addKnown(share, *value / resident) : addUnknown(share);
  };
  absl::optional<double> slack;
  if (totals.has_internal_slack_bytes()) slack = static_cast<double>(totals.internal_slack_bytes());
  add("internal", "internal: requests rounded up", slack,
      totals.has_requested_stderr_bytes() ? static_cast<double>(totals.requested_stderr_bytes())
                                          : model::kNoError,
      "ask for sizes that fit the classes; heapprof sizes shows which do not");
  add("slab", "slab: free slots next to live objects", slabFree, model::kNoError,
      "goes back only when all objects of a slab go; thread caches are part of it");
  add("page", "page: free pages of huge pages in use", pinned, model::kNoError,
      "can be purged, at the price of a broken huge page");
  add("loose", "free huge pages", loose, model::kNoError,
      "pinned by nobody: kept for the next peak, returned by heapprof_purge()");
  model::Table table;
  table.id = "frag_levels";
  table.title = "Resident memory of the heap that holds no data";
  table.columns = {std::move(id), std::move(label), std::move(bytes), std::move(share), std::move(help)};
  return table;
}

model::Table stacksTable(const RowGroups& groups, const FragShares& shares, bool filtered) {
  Column pins = numberColumn("pins", "Pins", Unit::kBytes,
                             "free memory next to its objects, by its share of the objects there");
  Column back =
      numberColumn("comes_back", "Comes back", Unit::kBytes,
                   "its own bytes and what they pin, if all of its objects went: only slabs where it "
                   "is alone");
  Column slab = numberColumn("slab", "In slabs", Unit::kBytes, "of what it pins, free slots of slabs");
  Column page = numberColumn("page", "In pages", Unit::kBytes, "of what it pins, free pages of huge pages");
  Column holds = numberColumn("holds", "Holds", Unit::kBytes, "its live objects, by allocated size");
  Column slack = numberColumn("slack", "Slack", Unit::kBytes, "of what it holds, lost by rounding up");
  Column objects = numberColumn("objects", "Objects", Unit::kCount, "live objects");
  Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  Column stack = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&shares](std::size_t a, std::size_t b) {
    return shares.byGroup[a].pins.value > shares.byGroup[b].pins.value;
  });
  auto put = [](Column& column, const Estimate& estimate) {
    addWithError(column, estimate.value, std::sqrt(estimate.variance));
  };
  for (std::size_t group : order) {
    const FragShare& share = shares.byGroup[group];
    if (share.objects <= 0) continue;
    put(pins, share.pins);
    put(back, share.comesBack);
    put(slab, share.slab);
    put(page, share.page);
    put(holds, share.holds);
    put(slack, share.slack);
    addKnown(objects, std::round(share.objects));
    owner.texts.push_back(groups.owner[group]);
    stack.texts.push_back(groups.stack[group]);
  }
  model::Table table;
  table.id = "frag_stacks";
  table.title = "Who pins it";
  // A remainder below a percent is rounding, or objects that came and went while the dump was taken.
  const FragShare& rest = shares.unshared;
  const double all = std::accumulate(pins.values.begin(), pins.values.end(), rest.pins.value);
  if (rest.pins.value > 0.01 * all && all > 0) {
    table.notes.push_back(
        absl::StrCat(model::bytesText(rest.pins.value), " of free room lies next to ",
                     filtered ? "objects of stacks that the filters drop, or that were not sampled"
                              : "objects that were not sampled (allocated before sampling began, or too few "
                                "for the interval)"));
  }
  table.columns = {std::move(pins),  std::move(back),    std::move(slab),  std::move(page), std::move(holds),
                   std::move(slack), std::move(objects), std::move(owner), std::move(stack)};
  return table;
}

model::Table classesTable(const model::Snapshot& snapshot) {
  const heapprof::SizeClasses& classes = snapshot.heap().size_classes();
  const heapprof::Extents& extents = snapshot.heap().extents();
  struct Row {
    double free = 0, resident = 0, live = 0, capacity = 0, slabs = 0;
    absl::optional<double> slack;
    double error = model::kNoError;
  };
  std::map<std::uint64_t, Row> rows;
  for (int i = 0; i < extents.start_delta_size(); ++i) {
    if (!isSlab(extents, i)) continue;
    const ExtentRoom room = roomOf(extents, i);
    Row& row = rows[extents.class_size(i)];
    row.free += room.free;
    row.resident += room.resident;
    row.live += room.objects;
    if (i < extents.capacity_objects_size()) row.capacity += static_cast<double>(extents.capacity_objects(i));
  }
  for (int i = 0; i < classes.size_size(); ++i) {
    auto at = rows.find(classes.size(i));
    if (at == rows.end()) continue;
    if (i < classes.slabs_size()) at->second.slabs = static_cast<double>(classes.slabs(i));
    if (i < classes.requested_bytes_size()) {
      at->second.slack = std::max(0.0, at->second.live * static_cast<double>(classes.size(i)) -
                                           static_cast<double>(classes.requested_bytes(i)));
    }
    if (i < classes.requested_stderr_bytes_size())
      at->second.error = static_cast<double>(classes.requested_stderr_bytes(i));
  }
  std::vector<std::pair<std::uint64_t, Row>> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.free + a.second.slack.value_or(0) > b.second.free + b.second.slack.value_or(0);
  });
  Column size = numberColumn("class_size", "Class", Unit::kBytes, "object size");
  Column free = numberColumn("free", "Free", Unit::kBytes, "resident room of its slabs that holds no object");
  Column slack = numberColumn("slack", "Slack", Unit::kBytes, "lost by rounding requests up to this class");
  Column full = numberColumn("live_fraction", "Live", Unit::kFraction, "slots that hold live objects");
  Column slabs = numberColumn("slabs", "Slabs", Unit::kCount, "slabs of this class");
  Column live = numberColumn("live_objects", "Objects", Unit::kCount, "objects the program holds");
  Column room = numberColumn("capacity", "Capacity", Unit::kCount, "objects that would fit");
  Column resident = numberColumn("resident", "Resident", Unit::kBytes, "of its slabs, by the kernel");
  for (const auto& [bytes, row] : sorted) {
    addKnown(size, static_cast<double>(bytes));
    addKnown(free, row.free);
    row.slack ? addWithError(slack, *row.slack, row.error) : addUnknown(slack);
    slack.standardError.resize(slack.values.size(), model::kNoError);
    row.capacity > 0 ? addKnown(full, row.live / row.capacity) : addUnknown(full);
    addKnown(slabs, row.slabs);
    addKnown(live, row.live);
    addKnown(room, row.capacity);
    addKnown(resident, row.resident);
  }
  model::Table table;
  table.id = "frag_classes";
  table.title = "By size class";
  table.columns = {std::move(size),  std::move(free), std::move(slack), std::move(full),
                   std::move(slabs), std::move(live), std::move(room),  std::move(resident)};
  return table;
}

constexpr const char* kOccupancy[] = {"free",      "under 10%", "10 to 25%", "25 to 50%",
                                      "50 to 75%", "75 to 90%", "over 90%"};

std::size_t occupancyRow(double live, double unit) {
  const double share = unit > 0 ? live / unit : 0;
  if (live <= 0) return 0;
  const double limits[] = {0.10, 0.25, 0.50, 0.75, 0.90};
  std::size_t row = 1;
  for (double limit : limits) row += share >= limit ? 1 : 0;
  return row;
}

model::Table occupancyTable(const UnitRooms& units) {
  Column full = textColumn("full", "Full of live bytes", "how much of the huge page live objects take");
  Column count = numberColumn("count", "Huge pages", Unit::kCount, "so many");
  Column live = numberColumn("live", "Live", Unit::kBytes, "live objects in them");
  Column slab = numberColumn("slab_free", "Free in slabs", Unit::kBytes, "free room of slabs in them");
  Column dirty = numberColumn("page_free", "Free pages", Unit::kBytes, "free pages in them, resident");
  Column huge =
      numberColumn("huge", "Backed huge", Unit::kCount, "of them, those that the kernel maps as one");
  UnitRoom sums[std::size(kOccupancy)];
  double counts[std::size(kOccupancy)] = {}, hugeCounts[std::size(kOccupancy)] = {};
  for (const UnitRoom& unit : units.rows()) {
    const std::size_t row = occupancyRow(unit.live, static_cast<double>(units.unitBytes()));
    counts[row] += 1;
    hugeCounts[row] += unit.kernelState == heapprof::KERNEL_HUGE ? 1 : 0;
    sums[row].live += unit.live;
    sums[row].slabFree += unit.slabFree;
    sums[row].dirty += unit.dirty;
  }
  for (std::size_t row = 0; row < std::size(kOccupancy); ++row) {
    if (counts[row] == 0) continue;
    full.texts.emplace_back(kOccupancy[row]);
    addKnown(count, counts[row]);
    addKnown(live, sums[row].live);
    addKnown(slab, sums[row].slabFree);
    addKnown(dirty, sums[row].dirty);
    addKnown(huge, hugeCounts[row]);
  }
  model::Table table;
  table.id = "frag_occupancy";
  table.title = "By huge page";
  table.columns = {std::move(full), std::move(count), std::move(live),
                   std::move(slab), std::move(dirty), std::move(huge)};
  return table;
}

model::Table pagesTable(const UnitRooms& units, const FragShares& shares, const RowGroups& groups) {
  const std::vector<UnitRoom>& rows = units.rows();
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto freeOf = [&rows](std::size_t i) { return rows[i].slabFree + rows[i].dirty; };
  std::stable_sort(order.begin(), order.end(),
                   [&freeOf](std::size_t a, std::size_t b) { return freeOf(a) > freeOf(b); });
  if (order.size() > kMostPages) order.resize(kMostPages);
  Column start = numberColumn("start", "Huge page", Unit::kAddress, "its first byte");
  Column free = numberColumn("free", "Free", Unit::kBytes, "resident room in it that holds no object");
  Column live = numberColumn("live", "Live", Unit::kBytes, "live objects in it");
  Column full = numberColumn("live_fraction", "Full", Unit::kFraction, "of it, live bytes");
  Column part = numberColumn("owner_share", "Of it", Unit::kFraction,
                             "the holder's part of the sampled bytes' estimate over the live bytes");
  Column owner = textColumn("owner", "Held most by", "the stack's function with most sampled bytes in it");
  for (std::size_t unit : order) {
    if (freeOf(unit) <= 0) break;
    addKnown(start, static_cast<double>(rows[unit].start));
    addKnown(free, freeOf(unit));
    addKnown(live, rows[unit].live);
    addKnown(full, rows[unit].live / static_cast<double>(units.unitBytes()));
    const std::uint32_t group = shares.mainGroupOfUnit[unit];
    owner.texts.push_back(group == kNoGroup ? "(no sample in it)" : groups.owner[group]);
    group == kNoGroup || rows[unit].live <= 0
        ? addUnknown(part)
        : addKnown(part, std::min(1.0, shares.groupBytesInUnit[unit] / rows[unit].live));
  }
  model::Table table;
  table.id = "frag_pages";
  table.title = "The huge pages with most free";
  table.columns = {std::move(start), std::move(free), std::move(live),
                   std::move(full),  std::move(part), std::move(owner)};
  return table;
}

absl::Status needsExtents(const model::Snapshot& snapshot) {
  if (snapshot.hasHeapSnapshot() && snapshot.heap().extents().start_delta_size() > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(snapshot.path(), ": holds no extents, so nothing about pages (it was not written by ",
                   "libheapprof, or was rewritten by another tool); record one with: heapprof run -- CMD"));
}

}  // namespace

absl::StatusOr<FragResult> fragmentation(const model::Query& query, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const model::Snapshot& snapshot = *query.snapshot;
  absl::Status usable = needsExtents(snapshot);
  if (!usable.ok()) return usable;
  model::Query byBytes = query;
  byBytes.metric = "inuse_space";
  absl::StatusOr<RowGroups> groups = groupRows(byBytes, cancel);
  if (!groups.ok()) return groups.status();
  const std::vector<PlacedSample> samples = placeSamples(snapshot);
  std::vector<std::uint32_t> groupOfSample;
  groupOfSample.reserve(samples.size());
  for (const PlacedSample& sample : samples) {
    groupOfSample.push_back(sample.profileRow == kNoProfileRow ? kNoGroup
                                                               : groups->groupOf[sample.profileRow]);
  }
  const UnitRooms units(snapshot);
  if (cancel && cancel()) return absl::CancelledError("cancelled");
  const FragShares shares = shareOut(snapshot, samples, groupOfSample, groups->size(), units);

  FragResult result;
  double slabFree = 0;
  for (const UnitRoom& unit : units.rows()) {
    result.resident += unit.resident();
    result.live += unit.live;
    slabFree += unit.slabFree;
  }
  result.levels = levelsTable(snapshot, units, slabFree, result.resident);
  result.stacks = stacksTable(*groups, shares, !(query.filters == model::Filters{}));
  result.classes = classesTable(snapshot);
  result.occupancy = occupancyTable(units);
  result.pages = pagesTable(units, shares, *groups);
  if (snapshot.heap().extents().resident_bytes_size() == 0) {
    result.levels.notes.emplace_back(
        "which pages are resident could not be read: all memory in use is taken as resident");
  }
  if (samples.empty()) {
    result.stacks.notes.emplace_back("no live samples: who pins it is unknown; record with sampling on");
  }
  return result;
}

}  // namespace heapprof::analysis
