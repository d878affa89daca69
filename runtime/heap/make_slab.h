// A slab's first moment and its granules' last: from and to the page layer, through the heap's small stock of
// single granules.
//
// Invariant: a slab that makeSlab() returns is in no list, nothing of it is carved, and its remote word is
// armed; its descriptor says whose it is only when all else is written. Who calls holds the heap.
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

// A countdown that cannot end between two looks: more than any slab's capacity.
inline constexpr std::uint16_t kNeverEnds = 0xffff;

inline void setCountdown(Slab& slab, std::uint16_t frees) noexcept {
  slab.armed = frees;
  slab.countdown = frees;
}

// Null: out of memory.
Slab* makeSlab(Heap& heap, std::uint8_t sizeClass) noexcept;
// One that a small slab has left.
void giveGranule(Heap& heap, pages::Granule granule) noexcept;

}  // namespace heapprof::heap
