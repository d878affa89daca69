// Who holds which heap: threads take one at their first slow call and park it when they end.
//
// Invariant: a heap is held by exactly one thread, or pooled, or orphaned by a fork (for ever). A parked heap
// has empty bins, an empty remote cache and an empty granule stock, and no slab that is empty. Frees that
// wake a slab of a parked heap are settled by the freer, under the pool lock, so that dead threads keep no
// memory. Threads: any. Order of locks: pool, then pages, then metadata.
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

// The calling thread's heap; made or adopted on the first call. Null when memory for it cannot be had.
// A thread whose key destructor has run gets a heap on loan: give it back with endLoan().
// `preferred`: the heap to be adopted if its thread has ended; or null.
Heap* acquire(Heap* preferred = nullptr) noexcept;
bool isLoan(const Heap* heap) noexcept;
void endLoan(Heap* heap) noexcept;
// False in a thread whose heap was parked for good: frees then go straight to their slabs.
bool threadMayHold() noexcept;

// A slab of a heap that nobody holds has woken: settle it. Does nothing if someone holds the heap meanwhile.
void settlePooled(Heap* heap) noexcept;

Heap* firstHeap() noexcept;  // of all; follow nextOfAll

// Parks the calling thread's heap; the next allocation takes one again. For tests and thread exit.
void parkOwn() noexcept;

// Upkeep takes heaps away from the pool, and from threads that sleep (asleep.h), for as long as it trims
// their slabs; a list through nextInPool. Each is surrendered then, as a parked one is. `all`: also of
// threads that made a slow call since the last round.
Heap* borrowParked() noexcept;
Heap* borrowSleepers(bool all, Heap* list) noexcept;
// `again`: something was left for later, so all are to be had again though nothing moves in them.
void returnBorrowed(Heap* list, bool again) noexcept;
// Held while borrowed heaps are worked on; a thread that wants a heap waits for it, and asks for it.
void beginPass() noexcept;  // one at a time
void endPass() noexcept;
void lockUpkeep() noexcept;
void unlockUpkeep() noexcept;
bool heapsAreWanted() noexcept;

// Reclaims what parked heaps hold for nothing. Returns the granules given back.
std::uint64_t drainPool() noexcept;

// fork(): the lock is held across it; in the child the heaps of threads that are not there become orphans.
void lockPool() noexcept;
void unlockPool() noexcept;
void poolInChild() noexcept;

}  // namespace heapprof::heap
