#include <bit>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/unit_samples.h"

namespace heapprof::analysis {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// A column's cell as a share of `whole`; unknown where the column is absent.
template <typename Column>
float shareOf(const Column& column, int row, double whole) {
  if (row >= column.size() || whole <= 0) return kUnknown;
  return static_cast<float>(static_cast<double>(column.Get(row)) / whole);
}

float usedShare(const heapprof::HugePages& pages, int row, int words, double granules) {
  if ((row + 1) * words > pages.used_granules_size() || granules <= 0) return kUnknown;
  int used = 0;
  for (int word = 0; word < words; ++word) used += std::popcount(pages.used_granules(row * words + word));
  return static_cast<float>(used / granules);
}

// Change against the unit at the same address, where both dumps know its live bytes; a unit that the base
// does not have held nothing then.
void addChange(const model::Snapshot& baseline, HeapMap* map) {
  const heapprof::HugePages& pages = baseline.heap().huge_pages();
  const heapprof::Geometry& geometry = baseline.heap().header().geometry();
  absl::flat_hash_map<std::uint64_t, float> before;
  for (int i = 0; i < pages.index_delta_size(); ++i) {
    before[geometry.region_start() + pages.index_delta(i) * geometry.placement_bytes()] =
        shareOf(pages.live_bytes(), i, static_cast<double>(geometry.placement_bytes()));
  }
  map->changeFraction.reserve(map->index.size());
  for (std::size_t i = 0; i < map->index.size(); ++i) {
    auto old = before.find(map->regionStart + map->index[i] * map->placementBytes);
    map->changeFraction.push_back(map->liveFraction[i] - (old == before.end() ? 0.0f : old->second));
  }
}

bool hasFilters(const model::Filters& filters) {
  return !(filters == model::Filters{});
}

}  // namespace

absl::StatusOr<HeapMap> heapMap(const model::Query& query, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const heapprof::HeapSnapshot& heap = query.snapshot->heap();
  if (!query.snapshot->hasHeapSnapshot() || heap.huge_pages().index_delta_size() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        query.snapshot->path(), ": holds no map of the heap; record one with: heapprof run -- CMD"));
  }
  const heapprof::HugePages& pages = heap.huge_pages();
  const heapprof::Geometry& geometry = heap.header().geometry();
  HeapMap map;
  map.regionStart = geometry.region_start();
  map.placementBytes = geometry.placement_bytes();
  map.granuleBytes = geometry.granule_bytes();
  map.pageBytes = geometry.page_bytes();
  if (map.placementBytes == 0 || map.granuleBytes == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(query.snapshot->path(), ": the dump does not say its geometry"));
  }
  const double whole = static_cast<double>(map.placementBytes);
  const double granules = whole / static_cast<double>(map.granuleBytes);
  const int words = static_cast<int>(std::ceil(granules / 64));
  const int rows = pages.index_delta_size();
  for (int i = 0; i < rows; ++i) {
    if (i % 65536 == 0 && cancel && cancel()) return absl::CancelledError("cancelled");
    map.index.push_back(pages.index_delta(i));
    map.usedFraction.push_back(usedShare(pages, i, words, granules));
    map.liveFraction.push_back(shareOf(pages.live_bytes(), i, whole));
    map.residentFraction.push_back(shareOf(pages.resident_bytes(), i, whole));
    map.kernelState.push_back(i < pages.kernel_state_size() ? static_cast<std::uint8_t>(pages.kernel_state(i))
                                                            : std::uint8_t{0});
    map.ageNanos.push_back(i < pages.age_nanos_size() ? pages.age_nanos(i) : 0);
  }
  // The same filter serves stacks and maps: with one, live means live by the stacks that pass it, as sampled.
  if (hasFilters(query.filters)) {
    absl::Status status = liveOfFilteredStacks(query, cancel, &map);
    if (!status.ok()) return status;
  }
  if (query.baseline != nullptr && query.baselineMode != model::BaselineMode::kNone)
    addChange(*query.baseline, &map);
  return map;
}

}  // namespace heapprof::analysis
