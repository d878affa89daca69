// From an address to its slab's descriptor and back: one subtraction, one shift, one compare for the first
// region.
//
// Invariant: `base`, `granules` and `table` describe the first region; granules only grows, after its rows
// became accessible. Addresses of other regions take the slow way through pages. Row 0 (and the first unit)
// belongs to no object.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/heap/slab.h"
#include "runtime/pages/region.h"

namespace heapprof::heap {

struct alignas(128) SlabMap {
  std::uintptr_t base = 0;  // written once, before any object exists
  std::size_t granules = 0;
  Slab* table = nullptr;
};
extern constinit SlabMap slabMap;

// Called when the first region is there; again does no harm.
void initialiseSlabMap() noexcept;

Slab* findSlabSlow(const void* pointer) noexcept;

// The descriptor of the granule that holds it; null for addresses that are not ours.
inline Slab* findSlab(const void* pointer) noexcept {
  const std::size_t index =
      (reinterpret_cast<std::uintptr_t>(pointer) - slabMap.base) >> pages::kGranuleShift;
  if (index < slabMap.granules) [[likely]]
    return slabMap.table + index;
  return findSlabSlow(pointer);
}

inline Slab* slabAt(pages::Granule granule) noexcept {
  if (granule < slabMap.granules) [[likely]]
    return slabMap.table + granule;
  return static_cast<Slab*>(pages::sideOf(granule));
}

// Of a slab or span, from the descriptor of any granule that an object of it may start in.
inline Slab* firstOf(Slab* slab) noexcept {
  return slab->kind == SlabKind::kInterior ? slabAt(slab->link) : slab;
}

pages::Granule granuleOfSlow(const Slab* slab) noexcept;
inline pages::Granule granuleOf(const Slab* slab) noexcept {
  const auto index = static_cast<std::size_t>(slab - slabMap.table);
  if (index < slabMap.granules) [[likely]]
    return static_cast<pages::Granule>(index);
  return granuleOfSlow(slab);
}

inline std::uintptr_t startOf(const Slab* slab) noexcept {
  const pages::Granule granule = granuleOf(slab);
  if (granule < slabMap.granules) [[likely]] {
    return slabMap.base + (std::size_t{granule} << pages::kGranuleShift);
  }
  return pages::addressOf(granule);
}

}  // namespace heapprof::heap
