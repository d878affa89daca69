// Which objects of a slab (or which large span) are sampled. The records live in the sampler; here is the way
// from an address to its record, and how a sample's death is noticed without asking each free.
//
// A free by another thread asks the filter. The owner's own free does not: the object joins its slab's list
// like any other, and the list of a slab with samples is looked through before anything is taken from it,
// when its countdown ends, and by dumps. So a record may outlive its object, never into the address's next
// use.
//
// Invariant: `filter` has the bit of each sampled object and is 0 exactly when there is none. The list of a
// slab with samples is detached under the slab's sample lock only; pushing needs no lock. Up to kListed
// samples are a list through the records, with Slab::samples as its head; beyond that they are in a hash
// table, Slab::samples is kHashed plus their number, and the filter lets everything through, until the last
// of them is gone. Threads: any. The lock of one of the sampler's lanes, chosen by the slab, is taken inside;
// the sampler's own and the metadata's come after it.
#pragma once

#include "runtime/base/random.h"
#include "runtime/heap/slab.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::heap {

// acquire: pairs with the release of whoever forgot the last sample, and then no longer follows the list.
inline bool holdsSamples(const Slab& slab) noexcept {
  return slab.filter.load(std::memory_order_acquire) != 0;
}

// The object's bit is in the filter: worth a search.
inline bool mayBeSampled(const Slab* slab, const void* object) noexcept {
  return (slab->filter.load(std::memory_order_relaxed) & filterBit(object)) != 0;
}

// Frees by its owner notice samples at once; elsewhere whoever takes objects from the list looks it through.
// Watching costs each free of the slab a slower way, looking a cache miss an object: where the slabs of a
// class fit the cache, the list is cheaper (README).
inline bool isWatched(const Slab& slab) noexcept {
  return (slab.owner.load(std::memory_order_relaxed) & (kMediumOwner | kWatchedOwner)) != 0;
}
inline bool listMayHoldSamples(const Slab& slab) noexcept {
  return holdsSamples(slab) && !isWatched(slab);
}

// Makes the object a sample: takes the stack, keeps the record. The object must be the caller's own and not
// sampled. `watched`: whether a small slab without samples is to be watched from now on.
void addSample(Slab* slab, const sampling::Allocation& allocation, const void* frame, bool watched) noexcept;

// The object dies. Does nothing where it is no sample.
void forgetSample(Slab* slab, const void* object) noexcept;

// The owner looks at its list, for slabs that hold samples: forgets those among the `newest` objects that
// were freed last. detachFrees also takes the whole list, whose head it returns.
void noticeFrees(Slab& slab, std::uint32_t newest) noexcept;
void* detachFrees(Slab& slab, std::uint32_t newest) noexcept;

// For dumps and statistics: forgets, in all slabs, the samples whose objects have been freed. Any thread;
// blocks an owner for as long as one slab's list is long.
void settleSamples() noexcept;

// Its size changed in place. True: it was a sample (it may be none any longer).
bool resizeSample(Slab* slab, const void* object, std::size_t requested, std::size_t allocated,
                  base::Random& random) noexcept;

void lockSamples() noexcept;
void unlockSamples() noexcept;
void resetSampleLocks() noexcept;

}  // namespace heapprof::heap
