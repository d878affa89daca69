// Where a heap's random numbers come from, at its making and in a forked child.
//
// Invariant: heaps draw from streams of their own. Without `seed=` a child shares no draw with its parent
// or its siblings; with it, the child goes on with its parent's streams, so that a run can be repeated.
// Threads: whoever holds the heap, or the pool lock for a parked one.
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

// `number` must be set.
void seedHeap(Heap& heap) noexcept;

// In a forked child: new random numbers, and the gaps to the next samples drawn anew from them.
void redrawHeld(Heap& heap) noexcept;    // the forking thread's own, which may be in the middle of a malloc
void redrawParked(Heap& heap) noexcept;  // a parked one, before it is adopted

}  // namespace heapprof::heap
