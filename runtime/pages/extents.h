// Free address space by the granule: extents between what is handed out, found by size, merged with their
// neighbours.
//
// Invariant: no two free extents touch; each is in exactly one bin, the one of its length; its first and last
// nodes carry its length, all other nodes have length 0. Extents never cross a region. Good fit: the smallest
// of its bin's first entries that fits, the lowest address of equals; the extent at a region's end, mostly
// never used, serves last. Threads: all calls under the page lock.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

class Extents {
 public:
  // Takes `granules` starting at a multiple of `alignment` (a power of two); kNoGranule where no free extent
  // holds it.
  Granule take(std::uint32_t granules, std::uint32_t alignment) noexcept;
  // The same for long spans: among the first extents that fit, the place that needs the fewest fresh pages,
  // at either end of an extent; the tightest of equals. Simulated on buffers of 5-25 MiB with a bounded RSS,
  // this halves the pages faulted again.
  Granule takeWarm(std::uint32_t granules) noexcept;
  // Takes exactly [first, first + granules) if it lies at the start of a free extent.
  bool takeAt(Granule first, std::uint32_t granules) noexcept;
  // Takes exactly [first, first + granules), which must lie inside one free extent; anywhere in it.
  void takeFromInside(Granule first, std::uint32_t granules) noexcept;
  // Gives a range back, merging. The range must be inside one region and not free already.
  void give(Granule first, std::uint32_t granules) noexcept;

  // For checks, in no order.
  using Visitor = void (*)(void* context, Granule first, std::uint32_t granules);
  void forEach(Visitor visit, void* context) noexcept;
  std::uint64_t freeGranules() const noexcept { return freeGranules_; }

  static constexpr unsigned binOf(std::uint32_t granules) noexcept {
    if (granules < kExactBins) return granules;
    const unsigned exponent = 31u - static_cast<unsigned>(__builtin_clz(granules));
    return kExactBins + (exponent - 6) * 8 + ((granules >> (exponent - 3)) & 7);
  }

 private:
  static constexpr unsigned kExactBins = 64;
  static constexpr unsigned kBins = kExactBins + 26 * 8;
  static constexpr unsigned kMaskWords = (kBins + 63) / 64;

  void insert(Granule first, std::uint32_t granules) noexcept;
  void remove(Granule first, std::uint32_t granules) noexcept;
  Granule bestInBin(unsigned bin, std::uint32_t granules, std::uint32_t alignment, bool top) const noexcept;
  unsigned nextBin(unsigned from) const noexcept;
  void carve(Granule extent, Granule first, std::uint32_t granules) noexcept;

  std::uint64_t mask_[kMaskWords] = {};
  std::uint64_t freeGranules_ = 0;
  Granule lastStart_ = kNoGranule;  // where takeFromInside found the last extent to start; may be outdated
  Granule heads_[kBins] = {};
};

}  // namespace heapprof::pages
