#include "runtime/pages/region.h"

#include <errno.h>
#include <sys/resource.h>

#include "runtime/os/os.h"
#include "runtime/pages/huge.h"

namespace heapprof::pages {
namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;
constexpr std::size_t kLargestRegion = 16 * 1024 * kGiB;
constexpr std::size_t kSmallestPreferred = 64 * kGiB;
constexpr std::size_t kSmallestRegion = 8 * kUnitBytes;
// Steps start small for the sake of strict overcommit and small programs, and end where growth is rare.
constexpr std::uint32_t kFirstStep = 2 * kUnitGranules;
constexpr std::uint32_t kLargestStep = 32 * kUnitGranules;
constexpr Granule kLastGranule = 0xffff0000u;

// Apart: few programs have more, and what all write should lie together.
constinit Region firstRegion = {};
constinit Region furtherRegions[kMaxRegions - 1] = {};
// release on append pairs with acquire in regionCount(): a counted region is complete.
constinit std::atomic<std::size_t> regionsInUse{0};

Region& rowOf(std::size_t index) noexcept {
  return index == 0 ? firstRegion : furtherRegions[index - 1];
}

constexpr std::size_t roundUp(std::size_t value, std::size_t to) noexcept {
  return (value + to - 1) / to * to;
}

std::size_t addressSpaceLimit() noexcept {
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return ~std::size_t{0};
  return limit.rlim_cur;
}

std::size_t preferredBytes(std::size_t wantedBytes) noexcept {
  std::size_t bytes = wantedBytes;
  if (bytes == 0) {
    const std::size_t memory = os::physicalMemoryBytes();
    bytes = memory > kLargestRegion / 8 ? kLargestRegion : memory * 8;
    if (bytes < kSmallestPreferred) bytes = kSmallestPreferred;
    // A limit set later would fail the host's own mmap, so we take an eighth of it at most.
    const std::size_t limit = addressSpaceLimit();
    if (limit != ~std::size_t{0} && bytes > limit / 8) bytes = limit / 8;
  }
  if (bytes > kLargestRegion) bytes = kLargestRegion;
  bytes = bytes / kUnitBytes * kUnitBytes;
  return bytes < kSmallestRegion ? kSmallestRegion : bytes;
}

struct TableSizes {
  std::size_t units, nodes, side;
};
TableSizes tableSizes(std::uint32_t granules) noexcept {
  const std::size_t page = os::pageBytes();
  return {roundUp(granules / kUnitGranules * sizeof(Unit), page), roundUp(granules * sizeof(Node), page),
          roundUp(granules * kSideBytes, page)};
}

bool reserveTables(Region& region, std::uint32_t granules) noexcept {
  const os::Calls& calls = os::calls();
  const TableSizes sizes = tableSizes(granules);
  const std::size_t page = os::pageBytes();
  void* units = calls.reserve(sizes.units, page);
  void* nodes = units == nullptr ? nullptr : calls.reserve(sizes.nodes, page);
  void* side = nodes == nullptr ? nullptr : calls.reserve(sizes.side, page);
  if (side == nullptr) {
    if (nodes != nullptr) calls.unreserve(nodes, sizes.nodes);
    if (units != nullptr) calls.unreserve(units, sizes.units);
    return false;
  }
  region.units = static_cast<Unit*>(units);
  region.nodes = static_cast<Node*>(nodes);
  region.side = static_cast<std::byte*>(side);
  return true;
}

Region* appendRegion(std::size_t bytes) noexcept {
  const std::size_t index = regionsInUse.load(std::memory_order_relaxed);
  if (index == kMaxRegions) {
    errno = ENOMEM;
    return nullptr;
  }
  Region& region = rowOf(index);
  const auto granules = static_cast<std::uint32_t>(bytes >> kGranuleShift);
  const std::uint64_t first =
      index == 0 ? 0 : std::uint64_t{rowOf(index - 1).first} + rowOf(index - 1).granules;
  if (first + granules > kLastGranule) {
    errno = ENOMEM;
    return nullptr;
  }
  void* start = os::calls().reserve(bytes, kUnitBytes);
  if (start == nullptr) return nullptr;
  if (!reserveTables(region, granules)) {
    os::calls().unreserve(start, bytes);
    return nullptr;
  }
  region.start = reinterpret_cast<std::uintptr_t>(start);
  region.first = static_cast<Granule>(first);
  region.granules = granules;
  region.committed.store(0, std::memory_order_relaxed);
  adviseRegion(region);
  regionsInUse.store(index + 1, std::memory_order_release);
  return &region;
}

bool commitRange(std::uintptr_t base, std::size_t from, std::size_t to) noexcept {
  const std::size_t page = os::pageBytes();
  from = roundUp(from, page);
  to = roundUp(to, page);
  return from >= to || os::calls().commit(reinterpret_cast<void*>(base + from), to - from);
}

// Tables first: an accessible granule always has its rows. A table that grew in vain is used by the next
// attempt.
bool commitExactly(Region& region, std::uint32_t from, std::uint32_t to) noexcept {
  const auto units = reinterpret_cast<std::uintptr_t>(region.units);
  const auto nodes = reinterpret_cast<std::uintptr_t>(region.nodes);
  const auto side = reinterpret_cast<std::uintptr_t>(region.side);
  return commitRange(units, from / kUnitGranules * sizeof(Unit), to / kUnitGranules * sizeof(Unit)) &&
         commitRange(nodes, from * sizeof(Node), to * sizeof(Node)) &&
         commitRange(side, from * kSideBytes, to * kSideBytes) &&
         commitRange(region.start, std::size_t{from} << kGranuleShift, std::size_t{to} << kGranuleShift);
}

}  // namespace

bool reserveFirstRegion(std::size_t wantedBytes) noexcept {
  for (std::size_t bytes = preferredBytes(wantedBytes); bytes >= kSmallestRegion;
       bytes = bytes / 2 / kUnitBytes * kUnitBytes) {
    if (appendRegion(bytes) != nullptr) return true;
  }
  return false;
}

Region* reserveAnotherRegion(std::uint32_t granules) noexcept {
  const std::size_t needed = roundUp(std::size_t{granules} << kGranuleShift, kUnitBytes);
  const Region& last = rowOf(regionsInUse.load(std::memory_order_relaxed) - 1);
  std::size_t bytes = std::size_t{last.granules} << kGranuleShift;
  const std::size_t limit = addressSpaceLimit();
  if (limit != ~std::size_t{0} && bytes > limit / 8) bytes = roundUp(limit / 8, kUnitBytes);
  for (; bytes > needed; bytes = bytes / 2 / kUnitBytes * kUnitBytes) {
    if (Region* region = appendRegion(bytes)) return region;
  }
  return appendRegion(needed);
}

std::uint32_t commitMore(Region& region, std::uint32_t granules) noexcept {
  const std::uint32_t from = region.committed.load(std::memory_order_relaxed);
  const std::uint32_t left = region.granules - from;
  granules = (granules + kUnitGranules - 1) & ~(kUnitGranules - 1);
  if (granules == 0 || granules > left) return 0;
  // Doubling: a region of 2^k MiB has seen k steps.
  std::uint32_t step = from < kFirstStep ? kFirstStep : from > kLargestStep ? kLargestStep : from;
  step &= ~(kUnitGranules - 1);
  if (step < granules) step = granules;
  if (step > left) step = left;
  while (!commitExactly(region, from, from + step)) {
    if (step == granules) return 0;
    step = step / 2 & ~(kUnitGranules - 1);
    if (step < granules) step = granules;
  }
  // release: pairs with the acquire in granuleOf(), so that rows of the tables are accessible to who sees the
  // bound.
  region.committed.store(from + step, std::memory_order_release);
  return step;
}

std::size_t regionCount() noexcept {
  return regionsInUse.load(std::memory_order_acquire);
}
Region& regionAt(std::size_t index) noexcept {
  return rowOf(index);
}

Region* regionOfAddress(std::uintptr_t address) noexcept {
  const std::size_t count = regionCount();
  for (std::size_t i = 0; i < count; ++i) {
    if ((address - rowOf(i).start) >> kGranuleShift < rowOf(i).granules) return &rowOf(i);
  }
  return nullptr;
}

Region* regionOfGranule(Granule granule) noexcept {
  const std::size_t count = regionCount();
  for (std::size_t i = 0; i < count; ++i) {
    if (granule - rowOf(i).first < rowOf(i).granules) return &rowOf(i);
  }
  return nullptr;
}

Unit& unitOf(Granule granule) noexcept {
  Region* region = regionOfGranule(granule);
  return region->units[(granule - region->first) >> kUnitGranulesShift];
}

Unit& unitByNumber(std::uint32_t number) noexcept {
  return unitOf(number << kUnitGranulesShift);
}

Node& nodeOf(Granule granule) noexcept {
  Region* region = regionOfGranule(granule);
  return region->nodes[granule - region->first];
}

std::uintptr_t addressOf(Granule granule) noexcept {
  Region* region = regionOfGranule(granule);
  return region->start + (std::size_t{granule - region->first} << kGranuleShift);
}

void* sideOf(Granule granule) noexcept {
  Region* region = regionOfGranule(granule);
  return region->side + (granule - region->first) * kSideBytes;
}

Granule granuleOf(const void* pointer) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  Region* region = regionOfAddress(address);
  if (region == nullptr) return kNoGranule;
  const auto index = static_cast<std::uint32_t>((address - region->start) >> kGranuleShift);
  return index < region->committed.load(std::memory_order_acquire) ? region->first + index : kNoGranule;
}

}  // namespace heapprof::pages
