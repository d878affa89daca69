// A slab's life: made, current, full, partial, empty, ended. What moves objects between slabs and bins.
//
// Invariant: that of slab.h; every function leaves it true. All take the heap that the caller holds (or a
// pooled one, under the pool lock).
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

struct Chain {
  void* head = nullptr;
  std::uint32_t count = 0;
  bool fresh = false;  // memory never used since the kernel zeroed it, but for the links
  bool alone = false;  // of a list that was not taken whole
};

// At least one object of the class, from wherever it is cheapest; count 0: out of memory. No list longer than
// `most` (at least 1) is taken, though 4 KiB of fresh objects may be.
Chain takeObjects(Heap& heap, std::uint8_t sizeClass, std::uint64_t most) noexcept;
// True when takeObjects would find some without a new slab (what is in the inbox not counted).
bool hasFree(const Heap& heap, std::uint8_t sizeClass) noexcept;
// Puts objects of the class's current slab back.
void putBack(Heap& heap, std::uint8_t sizeClass, Chain chain) noexcept;

// Local frees have reached what the slab was armed for.
void lookAt(Heap& heap, Slab* slab) noexcept;
// Takes in what other threads have pushed; wakes their slabs.
void drainInbox(Heap& heap) noexcept;

// For trim(): takes all free objects of a slab that is not current off its list, what others pushed included.
void* takeList(Heap& heap, Slab& slab) noexcept;
// And ends it: `list` holds all that was taken but what is trimmed now. The slab may end.
void giveList(Heap& heap, Slab& slab, void* list) noexcept;

// Bins, current slabs, and what dropKept gives up.
void surrender(Heap& heap) noexcept;
// Empty slabs and spare granules go back to the page layer.
void dropKept(Heap& heap) noexcept;

// medium.cpp: the bins of medium classes.
// `slab`: the descriptor of whichever granule the object starts in.
void freeMedium(Heap& heap, Slab* slab, void* object) noexcept;
Chain takeMedium(Heap& heap, std::uint8_t sizeClass) noexcept;  // one object, or none: out of memory
void emptyMediumBin(Heap& heap, std::uint8_t sizeClass) noexcept;

// An owner's free of any class, straight to the slab. In deallocate.cpp.
void freeToSlab(Slab* slab, void* object) noexcept;

// Frees of another heap's objects.
void cacheRemoteFree(Heap& heap, Slab* slab, void* object) noexcept;
void flushRemoteCache(Heap& heap) noexcept;
void pushRemote(Slab* slab, void* head, void* tail, std::uint32_t count) noexcept;

}  // namespace heapprof::heap
