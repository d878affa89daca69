// Which objects of a slab (or which large span) are sampled. The records live in the sampler; here is the way
// from an address to its record, and the tag that makes frees look.
//
// Invariant: a slab's owner word is tagged exactly when it holds a sample; then `filter` has the bit of each
// sampled object. Up to kListed samples are a list through the records, with Slab::samples as its head;
// beyond that they are in a hash table, Slab::samples is kHashed plus their number, and the filter lets
// everything through, until the last of them is gone. Threads: any. One of kStripes locks, chosen by the
// slab, is taken inside; the sampler's and the metadata's come after it.
#pragma once

#include "runtime/base/random.h"
#include "runtime/heap/slab.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::heap {

// `owner` bit 0 set, and the object's bit in the filter: worth a search.
inline bool mayBeSampled(const Slab* slab, const void* object) noexcept {
  return (slab->filter.load(std::memory_order_relaxed) & filterBit(object)) != 0;
}

// Makes the object a sample: takes the stack, keeps the record. The object must be the caller's own and not
// sampled.
void addSample(Slab* slab, const sampling::Allocation& allocation, const void* frame) noexcept;

// The object dies. Does nothing where it is no sample.
void forgetSample(Slab* slab, const void* object) noexcept;

// Its size changed in place. True: it was a sample (it may be none any longer).
bool resizeSample(Slab* slab, const void* object, std::size_t requested, std::size_t allocated,
                  base::Random& random) noexcept;

void lockSamples() noexcept;
void unlockSamples() noexcept;
void resetSampleLocks() noexcept;

}  // namespace heapprof::heap
