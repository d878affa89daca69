// Spans of their own: requests above the largest class, and alignments that no class has.
//
// Invariant: a large span's descriptor is kLarge with link = its length in granules; the object starts where
// the span starts; the granules behind the first keep kUnused. Owned by no heap: any thread frees or resizes
// it.
#pragma once

#include "runtime/heap/allocator.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/slab.h"

namespace heapprof::heap {

// `heap` gives the random numbers for sampling; may be null, then nothing is sampled.
void* allocateLarge(Heap* heap, const Request& request) noexcept;
void freeLarge(Slab* slab, void* pointer) noexcept;
// True: the span now holds `bytes` (rounded up), at the same address.
bool resizeLarge(Heap* heap, Slab* slab, void* pointer, std::size_t bytes, const void* frame) noexcept;

inline std::size_t largeBytes(const Slab* slab) noexcept {
  return std::size_t{slab->link} << pages::kGranuleShift;
}

struct LargeTotals {
  std::uint64_t liveBytes, liveCount, allocatedBytes, allocatedCount;
};
LargeTotals largeTotals() noexcept;

}  // namespace heapprof::heap
