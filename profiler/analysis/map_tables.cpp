#include "profiler/analysis/map_tables.h"

#include <array>
#include <cmath>
#include <utility>

#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

constexpr const char* kKinds[] = {"unknown",    "small slabs", "medium slabs", "large blocks",
                                  "free dirty", "free purged", "metadata",     "never used"};
constexpr const char* kStates[] = {"unknown", "none", "small", "huge", "mixed"};

std::size_t kindAt(const heapprof::Extents& extents, int row) {
  const std::size_t kind = row < extents.kind_size() ? extents.kind(row) : 0;
  return kind < std::size(kKinds) ? kind : 0;
}

template <typename Cells>
void add(Column& column, const Cells& cells, int row) {
  row < cells.size() ? addKnown(column, static_cast<double>(cells.Get(row))) : addUnknown(column);
}

model::Table kindTable(const heapprof::Extents& extents) {
  struct Sums {
    double extents = 0, bytes = 0, resident = 0, live = 0;
  };
  std::array<Sums, std::size(kKinds)> sums;
  for (int row = 0; row < extents.start_delta_size(); ++row) {
    Sums& sum = sums[kindAt(extents, row)];
    ++sum.extents;
    if (row < extents.length_bytes_size()) sum.bytes += static_cast<double>(extents.length_bytes(row));
    if (row < extents.resident_bytes_size()) sum.resident += static_cast<double>(extents.resident_bytes(row));
    if (row < extents.live_objects_size()) sum.live += static_cast<double>(extents.live_objects(row));
  }
  Column kind = textColumn("kind", "Kind", "what the memory is used for");
  Column count = numberColumn("extents", "Extents", Unit::kCount, "runs of neighbours of one kind and class");
  Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "address space");
  Column resident = numberColumn("resident", "Resident", Unit::kBytes, "of it in memory, by the kernel");
  Column live = numberColumn("live_objects", "Objects", Unit::kCount, "that the program holds in it");
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].extents == 0) continue;
    kind.texts.emplace_back(kKinds[i]);
    addKnown(count, sums[i].extents);
    addKnown(bytes, sums[i].bytes);
    extents.resident_bytes_size() > 0 ? addKnown(resident, sums[i].resident) : addUnknown(resident);
    extents.live_objects_size() > 0 ? addKnown(live, sums[i].live) : addUnknown(live);
  }
  model::Table table;
  table.id = "kinds";
  table.title = "Extents by kind";
  table.columns = {std::move(kind), std::move(count), std::move(bytes), std::move(resident), std::move(live)};
  return table;
}

model::Table pageTable(const HeapMap& map) {
  Column start = numberColumn("start", "Start", Unit::kAddress, "of the huge page (placement unit)");
  Column kernel = textColumn("kernel", "Kernel", "how the kernel maps it: huge, small, mixed, none");
  Column used = numberColumn("used", "Used", Unit::kFraction, "granules in use");
  Column live = numberColumn("live", "Live", Unit::kFraction, "bytes of live objects, by allocated size");
  Column resident = numberColumn("resident", "Resident", Unit::kFraction, "in memory, by the kernel");
  Column age = numberColumn("age", "Age", Unit::kNanoseconds, "since its first use");
  Column change = numberColumn("change", "Change", Unit::kFraction, "live less the base's live", true);
  const auto addShare = [](Column& column, float share) {
    std::isnan(share) ? addUnknown(column) : addKnown(column, static_cast<double>(share));
  };
  for (std::size_t i = 0; i < map.index.size(); ++i) {
    addKnown(start, static_cast<double>(map.regionStart + map.index[i] * map.placementBytes));
    kernel.texts.emplace_back(kStates[map.kernelState[i] < std::size(kStates) ? map.kernelState[i] : 0]);
    addShare(used, map.usedFraction[i]);
    addShare(live, map.liveFraction[i]);
    addShare(resident, map.residentFraction[i]);
    map.ageNanos[i] != 0 ? addKnown(age, static_cast<double>(map.ageNanos[i])) : addUnknown(age);
    if (!map.changeFraction.empty()) addShare(change, map.changeFraction[i]);
  }
  model::Table table;
  table.id = "pages";
  table.title = "Huge pages";
  table.columns = {std::move(start), std::move(kernel),   std::move(used),
                   std::move(live),  std::move(resident), std::move(age)};
  if (!map.changeFraction.empty()) table.columns.push_back(std::move(change));
  return table;
}

model::Table extentTable(const heapprof::Extents& extents) {
  Column start = numberColumn("start", "Start", Unit::kAddress, "where the run begins");
  Column length = numberColumn("length", "Length", Unit::kBytes, "address space");
  Column kind = textColumn("kind", "Kind", "what the memory is used for");
  Column size = numberColumn("class_size", "Class", Unit::kBytes, "object size of slabs");
  Column live = numberColumn("live_objects", "Objects", Unit::kCount, "that the program holds");
  Column room = numberColumn("capacity", "Capacity", Unit::kCount, "objects that would fit");
  Column resident = numberColumn("resident", "Resident", Unit::kBytes, "in memory, by the kernel");
  for (int row = 0; row < extents.start_delta_size(); ++row) {
    add(start, extents.start_delta(), row);
    add(length, extents.length_bytes(), row);
    kind.texts.emplace_back(kKinds[kindAt(extents, row)]);
    const bool slab = row < extents.class_size_size() && extents.class_size(row) != 0;
    slab ? add(size, extents.class_size(), row) : addBlank(size);
    slab ? add(live, extents.live_objects(), row) : addBlank(live);
    slab ? add(room, extents.capacity_objects(), row) : addBlank(room);
    add(resident, extents.resident_bytes(), row);
  }
  model::Table table;
  table.id = "extents";
  table.title = "Extents";
  table.columns = {std::move(start), std::move(length), std::move(kind),    std::move(size),
                   std::move(live),  std::move(room),   std::move(resident)};
  return table;
}

}  // namespace

absl::StatusOr<MapTables> mapTables(const model::Query& query, const HeapMap& map) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const heapprof::Extents& extents = query.snapshot->heap().extents();
  return MapTables{kindTable(extents), pageTable(map), extentTable(extents)};
}

}  // namespace heapprof::analysis
