// The page layer's books: all that the page lock guards.
//
// Invariant: usedGranules is the number of `used` bits over all units, freeBackedGranules that of bits
// `backed` but not `used`.
#pragma once

#include <cstdint>

#include "runtime/base/mutex.h"
#include "runtime/pages/demand.h"
#include "runtime/pages/extents.h"
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

  // Discards free, backed granules until at most `keep` are left; free extents first, from the longest, then
  // the emptiest units. Returns the bytes advised.
  std::uint64_t purgeDownTo(std::uint64_t keep) noexcept;
  // Discards the free, backed granules in [first, first + granules); stops at `most`. Returns how many.
  std::uint64_t discard(Granule first, std::uint32_t granules, std::uint64_t most) noexcept;
};

}  // namespace heapprof::pages
