// The units in which address space is handed out, and how an address becomes a number.
//
//   granule  32 KiB (x86-64), 64 KiB (AArch64: at least the largest base page): one small slab, one
//   descriptor. A
//            compile-time fact, so that the shift in free() is an immediate.
//   unit     2 MiB, whatever the kernel's huge page is: the thing placement fills and purging empties; its
//   granules' states
//            fit into one 64-bit word.
//
// Invariant: granule numbers are global and dense per region; number 0 (and all of unit 0) is never handed
// out: 0 is "none".
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::pages {

#if defined(__aarch64__)
inline constexpr unsigned kGranuleShift = 16;
#else
inline constexpr unsigned kGranuleShift = 15;
#endif
inline constexpr unsigned kUnitShift = 21;
inline constexpr std::size_t kGranuleBytes = std::size_t{1} << kGranuleShift;
inline constexpr std::size_t kUnitBytes = std::size_t{1} << kUnitShift;
inline constexpr unsigned kUnitGranulesShift = kUnitShift - kGranuleShift;
inline constexpr std::uint32_t kUnitGranules = 1u << kUnitGranulesShift;
static_assert(kUnitGranules <= 64, "a unit's granules are the bits of one word");

using Granule = std::uint32_t;
inline constexpr Granule kNoGranule = 0;

constexpr std::uint32_t granulesFor(std::size_t bytes) noexcept {
  return static_cast<std::uint32_t>((bytes + kGranuleBytes - 1) >> kGranuleShift);
}

// `count` ones from bit `first`; count 1..64.
constexpr std::uint64_t bitRun(unsigned first, unsigned count) noexcept {
  return (count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << first;
}

inline constexpr std::uint64_t kAllGranules = bitRun(0, kUnitGranules);

}  // namespace heapprof::pages
