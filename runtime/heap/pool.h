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
Heap* acquire() noexcept;
bool isLoan(const Heap* heap) noexcept;
void endLoan(Heap* heap) noexcept;
// False in a thread whose heap was parked for good: frees then go straight to their slabs.
bool threadMayHold() noexcept;

// A slab of a heap that nobody holds has woken: settle it. Does nothing if someone holds the heap meanwhile.
void settlePooled(Heap* heap) noexcept;

Heap* firstHeap() noexcept;  // of all; follow nextOfAll

// Parks the calling thread's heap; the next allocation takes one again. For tests and thread exit.
void parkOwn() noexcept;

// Reclaims what parked heaps hold for nothing. Returns the granules given back.
std::uint64_t drainPool() noexcept;

// fork(): the lock is held across it; in the child the heaps of threads that are not there become orphans.
void lockPool() noexcept;
void unlockPool() noexcept;
void poolInChild() noexcept;

}  // namespace heapprof::heap
