#include "runtime/heap/slab_map.h"

namespace heapprof::heap {

constinit SlabMap slabMap;

void initialiseSlabMap() noexcept {
  pages::Region& region = pages::regionAt(0);
  slabMap.table = reinterpret_cast<Slab*>(region.side);
  slabMap.base = region.start;
  slabMap.granules = region.granules;
}

Slab* findSlabSlow(const void* pointer) noexcept {
  const pages::Granule granule = pages::granuleOf(pointer);
  return granule == pages::kNoGranule ? nullptr : static_cast<Slab*>(pages::sideOf(granule));
}

pages::Granule granuleOfSlow(const Slab* slab) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(slab);
  for (std::size_t i = 0; i < pages::regionCount(); ++i) {
    const pages::Region& region = pages::regionAt(i);
    const std::uintptr_t offset = address - reinterpret_cast<std::uintptr_t>(region.side);
    if (offset < region.granules * pages::kSideBytes) {
      return region.first + static_cast<pages::Granule>(offset / pages::kSideBytes);
    }
  }
  return pages::kNoGranule;
}

}  // namespace heapprof::heap
