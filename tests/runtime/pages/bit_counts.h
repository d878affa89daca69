// What the bits of all units say, counted one by one: the oracle of the page layer's sums.
#pragma once

#include <cstdint>

#include "runtime/pages/region.h"
#include "runtime/pages/units.h"

namespace heapprof::pages {

struct BitCounts {
  std::uint64_t used = 0, freeBacked = 0;  // granules
};

inline BitCounts countBits() {
  BitCounts counts;
  for (std::size_t r = 0; r < regionCount(); ++r) {
    const Region& region = regionAt(r);
    for (std::uint32_t u = 0; u < region.committed / kUnitGranules; ++u) {
      const std::uint64_t bits = region.units[u].used;
      counts.used += static_cast<std::uint64_t>(__builtin_popcountll(bits));
      counts.freeBacked += static_cast<std::uint64_t>(__builtin_popcountll(region.units[u].backed & ~bits));
    }
  }
  return counts;
}

inline char* bytesOf(Granule granule) {
  return reinterpret_cast<char*>(addressOf(granule));
}

}  // namespace heapprof::pages
