// A thread that runs trims its own slabs, where memory is short: the helper cannot take the heap from it.
//
// Invariant: called by the heap's holder with no object and no slab in hand; every slab may be ended, no bin
// is full afterwards. At most kMostTrimmed slabs a call, so that a large heap does not stall its thread for
// long; what is left is asked for again.
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

// The helper, after it has trimmed what it could have: everybody else shall.
void askHoldersToTrim() noexcept;

void trimOwn(Heap& heap) noexcept;

// The cgroup's limit is near, and another slab is needed: first what is free here goes back, unless that was
// done a few slow calls ago.
void trimOwnNear(Heap& heap) noexcept;

inline void trimOwnIfAsked(Heap& heap) noexcept {
  if (heap.trimWanted.load(std::memory_order_relaxed)) [[unlikely]]
    trimOwn(heap);
}

}  // namespace heapprof::heap
