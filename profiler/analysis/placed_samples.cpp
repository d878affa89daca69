#include "profiler/analysis/placed_samples.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/unit_samples.h"

namespace heapprof::analysis {
namespace {

// Beyond a million rows extents are sums by placement unit and class that all start where the unit does: at
// most so many of them.
constexpr int kRowsOfOneStart = 128;

template <typename Column>
double cell(const Column& column, int row) {
  return row < column.size() ? static_cast<double>(column.Get(row)) : 0;
}

class ExtentFinder {
 public:
  explicit ExtentFinder(const model::Snapshot& snapshot)
      : extents_(snapshot.heap().extents()), unit_(snapshot.heap().header().geometry().placement_bytes()) {}

  int find(std::uint64_t address, std::uint64_t allocated) const {
    const auto& starts = extents_.start_delta();  // absolute since the reader
    int row = static_cast<int>(std::upper_bound(starts.begin(), starts.end(), address) - starts.begin()) - 1;
    for (int tried = 0; row >= 0 && tried < kRowsOfOneStart; --row, ++tried) {
      if (row >= extents_.length_bytes_size() || row >= extents_.class_size_size()) continue;
      const std::uint64_t reach = std::max(extents_.length_bytes(row), tried == 0 ? 0 : unit_);
      if (address - starts.Get(row) >= reach) return kNoExtent;
      if (extents_.class_size(row) == allocated) return row;
    }
    return kNoExtent;
  }

 private:
  const heapprof::Extents& extents_;
  std::uint64_t unit_;
};

}  // namespace

bool isSlab(const heapprof::Extents& extents, int row) {
  const auto kind = row < extents.kind_size() ? extents.kind(row) : 0;
  return kind == heapprof::SMALL_SLAB || kind == heapprof::MEDIUM_SLAB;
}

ExtentRoom roomOf(const heapprof::Extents& extents, int row) {
  ExtentRoom room;
  room.resident = row < extents.resident_bytes_size() ? cell(extents.resident_bytes(), row)
                                                      : cell(extents.length_bytes(), row);
  room.objects = cell(extents.live_objects(), row);
  room.live = std::min(room.objects * cell(extents.class_size(), row), room.resident);
  room.free = room.resident - room.live;
  return room;
}

std::vector<PlacedSample> placeSamples(const model::Snapshot& snapshot) {
  const heapprof::LiveSamples& samples = snapshot.heap().samples();
  const heapprof::SizeClasses& classes = snapshot.heap().size_classes();
  absl::flat_hash_map<std::uint64_t, std::uint64_t> slabBytes;
  for (int i = 0; i < std::min(classes.size_size(), classes.slab_bytes_size()); ++i) {
    slabBytes[classes.size(i)] = classes.slab_bytes(i);
  }
  const ExtentFinder finder(snapshot);
  const std::vector<std::size_t> profileRow = profileRows(snapshot);
  std::vector<PlacedSample> placed;
  const int rows = std::min(samples.address_size(), samples.allocated_bytes_size());
  placed.reserve(static_cast<std::size_t>(std::max(rows, 0)));
  for (int row = 0; row < rows; ++row) {
    PlacedSample sample;
    sample.row = row;
    const std::uint64_t allocated = samples.allocated_bytes(row);
    sample.profileRow = profileRow[static_cast<std::size_t>(row)];
    sample.address = samples.address(row);
    sample.allocated = static_cast<double>(allocated);
    sample.requested = row < samples.requested_bytes_size()
                           ? std::min(sample.allocated, static_cast<double>(samples.requested_bytes(row)))
                           : sample.allocated;
    if (row < samples.interval_bytes_size() && samples.interval_bytes(row) > 1 && allocated > 0) {
      sample.chance = -std::expm1(-sample.allocated / static_cast<double>(samples.interval_bytes(row)));
    }
    sample.extent = finder.find(samples.address(row), allocated);
    if (sample.extent != kNoExtent) {
      auto slab = slabBytes.find(allocated);
      if (slab != slabBytes.end() && slab->second > 0) {
        const std::uint64_t start = snapshot.heap().extents().start_delta(sample.extent);
        sample.slab = (samples.address(row) - start) / slab->second;
        sample.slabs = std::max(1.0, cell(snapshot.heap().extents().length_bytes(), sample.extent) /
                                         static_cast<double>(slab->second));
      }
    }
    placed.push_back(sample);
  }
  return placed;
}

}  // namespace heapprof::analysis
