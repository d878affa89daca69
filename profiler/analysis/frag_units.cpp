#include "profiler/analysis/frag_units.h"

#include <algorithm>

#include "profiler/analysis/placed_samples.h"

namespace heapprof::analysis {

UnitRooms::UnitRooms(const model::Snapshot& snapshot) {
  const heapprof::HeapSnapshot& heap = snapshot.heap();
  unit_ = heap.header().geometry().placement_bytes();
  region_ = heap.header().geometry().region_start();
  if (unit_ == 0) return;
  const heapprof::HugePages& pages = heap.huge_pages();
  for (int row = 0; row < pages.index_delta_size(); ++row) {
    UnitRoom room;
    room.start = region_ + pages.index_delta(row) * unit_;
    if (row < pages.kernel_state_size()) {
      room.kernelState = static_cast<std::uint32_t>(pages.kernel_state(row));
    }
    rows_.push_back(room);
  }
  std::sort(rows_.begin(), rows_.end(),
            [](const UnitRoom& a, const UnitRoom& b) { return a.start < b.start; });
  for (int row = 0; row < std::min(heap.extents().start_delta_size(), heap.extents().length_bytes_size());
       ++row) {
    addExtent(heap.extents(), row);
  }
  std::erase_if(rows_, [](const UnitRoom& room) { return room.resident() <= 0; });
}

std::size_t UnitRooms::find(std::uint64_t address) const {
  auto after = std::upper_bound(rows_.begin(), rows_.end(), address,
                                [](std::uint64_t value, const UnitRoom& row) { return value < row.start; });
  if (after == rows_.begin()) return rows_.size();
  --after;
  return address - after->start < unit_ ? static_cast<std::size_t>(after - rows_.begin()) : rows_.size();
}

void UnitRooms::addExtent(const heapprof::Extents& extents, int row) {
  const std::uint64_t begin = extents.start_delta(row), length = extents.length_bytes(row);
  const auto kind = row < extents.kind_size() ? extents.kind(row) : 0;
  if (length == 0 || kind == heapprof::METADATA || kind == heapprof::EXTENT_UNKNOWN) return;
  const bool isFree =
      kind == heapprof::FREE_DIRTY || kind == heapprof::FREE_PURGED || kind == heapprof::UNUSED;
  const ExtentRoom room = roomOf(extents, row);
  const std::uint64_t end = begin + length < begin ? ~std::uint64_t{0} : begin + length;
  auto at = std::lower_bound(
      rows_.begin(), rows_.end(), begin,
      [this](const UnitRoom& unit, std::uint64_t value) { return unit.start + (unit_ - 1) < value; });
  for (; at != rows_.end() && at->start < end; ++at) {
    const std::uint64_t low = std::max(begin, at->start), high = std::min(end, at->start + unit_);
    const double bytes = static_cast<double>(high - low), share = bytes / static_cast<double>(length);
    if (isFree) {
      at->dirty += share * room.resident;
      at->absent += bytes - share * room.resident;
    } else {
      at->live += share * room.live;
      at->slabFree += share * room.free;
    }
  }
}

}  // namespace heapprof::analysis
