// clang-format off
// A slab's descriptor: one cache line per granule, beside the memory, never inside it. The line after it is
// nearly empty: processors fetch lines in pairs, and neighbours belong to different threads.
//
//    0 owner 8 localFree 16 countdown 18 armed 20 carved 22 clean 24 remote 32 filter 40 samples 44 link 48 prev
//   '- read and written by free() -'                       '--- any thread --'
//   52 inboxNext 56 handed 58 sizeClass 59 kind 60 state 61 flags 62 gone 64 capacity 66 granules
//
// Invariant, for a slab of a heap (F = armed - countdown: local frees since the last look; R = remote.count):
//   carved - trimmed - |localFree| = handed - F    objects out: in use, in bins, in remote caches, in `remote`
//   trimmed: the objects that start in the pages of `gone`, all free, in no list (trim.h)
//   empty  <=>  no bin is filled from it and handed - F = R
//   unless it is current: countdown + (remote.wakeAt - R) <= (handed - F - R) + 1, or a push is under way:
//   who brings the last object back, locally or not, makes the owner look. No slab is ever empty unnoticed.
//   no sampled object is among the last `clean` of localFree: these were looked through; none at all if the
//   slab is watched (samples.h)
// Owner: the heap in `owner`; only the thread that holds it writes the owner's fields; others: see below.
// clang-format on
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::heap {

struct Heap;

enum class SlabKind : std::uint8_t {
  kUnused,    // no object lies here: free, or never used, or the inside of a large span
  kSlab,      // first granule of a slab
  kInterior,  // further granule of a slab: link is the first
  kLarge,     // first granule of a span of its own: link is its length in granules
};

enum class SlabState : std::uint8_t {
  kCurrent,  // its heap's bins are filled from it
  kFull,     // nothing to take when last looked at; in no list
  kPartial,  // in its class's list
  kHollow,   // in its class's other list: all that is free lies in pages that were given back (trim.h)
};

// Remote frees: one word, so that one CAS publishes a chain and its length and decides who wakes the owner.
//   head    (offset of the first object from the slab's start) / 8; meaningless when count is 0
//   count   objects in the chain
//   wakeAt  the freer whose CAS takes count from below wakeAt to it or above, and only it, pushes the slab to
//           its heap's inbox. 0: nobody. The decision depends on nothing but the words of that CAS.
struct RemoteWord {
  std::uint32_t head;
  std::uint16_t count;
  std::uint16_t wakeAt;

  static constexpr RemoteWord unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{head} << 32 | std::uint64_t{count} << 16 | wakeAt;
  }
  constexpr bool crossed() const noexcept { return wakeAt != 0 && count >= wakeAt; }
};

struct alignas(128) Slab {
  // Heap pointer and, below, kMediumOwner for slabs of medium classes; or 0 (large spans, unused). Written by
  // the owner when the slab is made and ended; kWatchedOwner comes and goes under the sample lock.
  std::atomic<std::uint64_t> owner;
  union {
    void* localFree;
    std::uint64_t drawnInterval;  // large: in force when it was drawn whether it is a sample; 0: not drawn
  };
  std::uint16_t countdown;
  std::uint16_t armed;
  std::uint16_t carved;
  std::uint16_t clean;
  std::atomic<std::uint64_t> remote;  // RemoteWord
  // Bit hash(address) is set for every sampled object; a clear bit proves that an object is not sampled, 0
  // that the slab holds none. Written under the sample lock, read without: the bit of a live object was set
  // before its address was handed out.
  std::atomic<std::uint64_t> filter;
  std::uint32_t samples;  // under the sample lock: see samples.h
  std::uint32_t link;     // slab: next in its class's list; interior: first granule; large: length
  std::uint32_t prev;
  std::atomic<std::uint32_t> inboxNext;  // written by the one freer that pushes it, read by the drainer
  std::uint16_t handed;
  std::uint8_t sizeClass;
  SlabKind kind;
  SlabState state;
  bool pushPending : 1;    // a freer has crossed wakeAt and its push has not been seen yet: must not be ended
                           // or parked again
  bool zeroed : 1;         // what was never carved reads as zero
  bool returning : 1;      // and had been given back: it was in use before (medium slabs only)
  bool kept : 1;           // empty, but kept in the list for the next request
  bool trimmed : 1;        // some granule's `gone` is not 0
  bool lookedThrough : 1;  // by trim(), not filled a bin from since, and no look has counted frees
  bool awaited : 1;        // its unit is (trim_rhythm.h), and no bin was filled from it since
  bool spared : 1;         // trim() would find pages to give back, but its unit was left whole
  std::uint16_t gone;      // of this granule: pages that were given back and in which objects start
  // Of a slab's first granule: its shape.
  std::uint16_t capacity;
  std::uint16_t granules;
};
static_assert(sizeof(Slab) == 128 && offsetof(Slab, remote) == 24 && offsetof(Slab, handed) == 56 &&
              offsetof(Slab, gone) == 62);

inline RemoteWord loadRemote(const Slab& slab) noexcept {
  return RemoteWord::unpack(slab.remote.load(std::memory_order_relaxed));
}

inline void*& nextObject(void* object) noexcept {
  return *static_cast<void**>(object);
}

// The owner's free: the object is on the list, and noticed to be no sample any longer at the owner's next
// look.
inline void pushLocal(Slab& slab, void* object) noexcept {
  nextObject(object) = slab.localFree;
  // release: pairs with the acquire of a dump that follows the links (settleSamples).
  std::atomic_ref<void*>(slab.localFree).store(object, std::memory_order_release);
}

inline std::uint64_t filterBit(const void* object) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(object) >> 3;
  return std::uint64_t{1} << ((address * 0x9e3779b97f4a7c15u) >> 58);
}

// In the owner word: free()'s compare with the heap fails, and the object goes to the bin (medium.cpp).
inline constexpr std::uint64_t kMediumOwner = 1;

// In the owner word of a small slab that is watched: the compare fails here too, and a free is looked up.
inline constexpr std::uint64_t kWatchedOwner = 2;

inline Heap* ownerOf(std::uint64_t word) noexcept {
  return reinterpret_cast<Heap*>(word & ~(kMediumOwner | kWatchedOwner));
}

}  // namespace heapprof::heap
