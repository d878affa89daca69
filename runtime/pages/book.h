// The page layer's books: all that the page lock guards.
//
// Invariant: usedGranules is the number of `used` bits over all units, freeBackedGranules that of bits
// `backed` but not `used`.
#pragma once

#include <cstdint>

#include "runtime/base/mutex.h"
#include "runtime/pages/demand.h"
#include "runtime/pages/extents.h"
#include "runtime/pages/region.h"
#include "runtime/pages/units.h"

namespace heapprof::pages {

struct Book {
  base::Mutex lock;
  Extents extents;
  UnitLists lists;
  Demand demand;
  std::uint64_t usedGranules = 0;
  std::uint64_t freeBackedGranules = 0;
  std::uint64_t purgedBytes = 0;
  std::uint64_t refaultedGranules = 0;
  std::uint64_t nowNanos = 0;  // of the last reading
  std::uint32_t quietCalls = 0;

  // Sets the used and backed bits; true when none of the granules was backed: the memory reads as zero.
  bool markUsed(Granule first, std::uint32_t granules) noexcept;
  void markFree(Granule first, std::uint32_t granules) noexcept;

  // Discards free, backed granules until at most `keep` are left: first between long spans, then inside the
  // units of slabs and medium spans; each time from the highest address down, because placement fills from
  // the lowest up. Returns the bytes advised.
  std::uint64_t purgeDownTo(std::uint64_t keep) noexcept;

 private:
  // Discards a unit's free, backed granules from its end; at most `most`. Returns how many.
  std::uint64_t discard(Unit& unit, std::uintptr_t start, std::uint64_t most) noexcept;
  std::uint64_t purgePass(bool placedUnits, std::uint64_t most) noexcept;

  // No unit above it has free, backed granules; one for free extents, one for units that placement fills.
  std::uint32_t highestUnit_[2] = {};
};

}  // namespace heapprof::pages
