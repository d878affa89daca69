// Which of a heap's slabs a class's bins are filled from next, before a new one is made.
//
// A full slab is looked at after `wakeAfter` local frees (slab.h), so up to that many of its objects lie
// idle. Where a class's objects are replaced at random, all of its slabs are like that, and a tenth of them
// is free. So before a small class gets a new slab, a few of its full ones are *gleaned*: asked for what came
// free in them unnoticed.
//
// Threads: the heap's holder. Of descriptors that are not the heap's, `owner` alone is read.
#pragma once

#include "runtime/heap/heap.h"

namespace heapprof::heap {

// Among the first few of a list: the emptier ones get the time to come free.
Slab& fullestOf(pages::Granule first) noexcept;

// A full slab of a small class with objects to take, still marked full; null: none was looked for, or found.
Slab* glean(Heap& heap, std::uint8_t sizeClass) noexcept;

// The heap has got this slab of a small class: it will be among those that are gleaned.
void noteForGleaning(Heap& heap, pages::Granule granule) noexcept;

}  // namespace heapprof::heap
