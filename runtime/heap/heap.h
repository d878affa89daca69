// A heap: everything that one thread at a time allocates from. It belongs to the thread that holds it, not to
// a thread for ever: a dying thread parks it in the pool, the next new thread adopts it.
//
// Invariant: a held heap is touched by its thread only, a pooled one only under the pool lock (pool.h); the
// exceptions are `inbox` (any thread pushes) and relaxed reads for dumps. bins[c] holds free objects of
// current[c] only; of a medium class (medium.cpp): of any slab of the heap. `self` is the thread's heap, or
// the constant empty heap, whose bins are empty, so that the fast path needs no "is there one?".
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/random.h"
#include "runtime/heap/size_classes.h"
#include "runtime/heap/slab.h"
#include "runtime/os/bell.h"

namespace heapprof::heap {

inline constexpr std::uint64_t kMostSpares = 32;

// What malloc's fast path reads.
struct HeapFront {
  void* bins[kMaxClasses];
  std::uint8_t classOf[(kFastLimit >> 3) + 1];  // by (bytes + 7) / 8
};

// Frees of other heaps' objects, kept back until a few of one slab have come together.
struct RemoteCache {
  static constexpr std::size_t kEntries = 16;
  static constexpr std::size_t kMostBytes = 32 * 1024;
  struct Entry {
    Slab* slab;
    void* head;
    void* tail;
    std::uint32_t count;
  };
  Entry entries[kEntries];
  std::size_t bytes;
};

// Free granules kept at hand; the more a heap needs, the more it takes at a time.
struct GranuleStock {
  static constexpr std::uint32_t kMost = 8;
  pages::Granule granules[kMost];
  std::uint32_t count;
  std::uint32_t refills;
};

// Where full slabs are gleaned (choose_slab.h).
struct Gleaning {
  std::uint64_t lastNanos;    // when it last found one
  pages::Granule begin, end;  // the heap's small slabs lie between these
};
struct GleaningOfClass {
  pages::Granule next;    // to be looked at
  std::uint8_t passOver;  // so many needs of a slab, because looking found nothing
  std::uint8_t failures;  // what `passOver` was last
};

// Alone in its pairs of lines, as slabs are. What each thread writes comes first: a heap of small blocks
// without samples fills one page of its two.
struct alignas(128) Heap : HeapFront {
  // Sampling: objects of the class until the next sample.
  std::uint64_t untilSample[kMaxClasses];
  base::Random random;
  std::uint32_t keptGranules;  // in empty slabs that stay in their lists
  std::uint32_t forks;         // of the pool when its gaps were drawn last; another number: in a parent
  GranuleStock stock;
  Gleaning gleaning;

  alignas(128) std::atomic<pages::Granule> inbox;  // first of a list through Slab::inboxNext
  std::atomic<bool> held;                          // by a thread; false: in the pool
  std::atomic<std::uint64_t> threadId;             // of the holder
  std::uint64_t number;
  Heap* nextOfAll;  // all heaps ever made; written before it is published
  Heap* nextInPool;
  Heap* previousInPool;
  bool isAwaited;  // in the pool: the thread that it was taken from has not come back yet
  bool orphan;     // its thread did not survive a fork: nobody will ever hold it
  // Upkeep (upkeep.h), all but `ticks` under the pool lock.
  std::atomic<std::uint64_t> ticks;  // slow calls of the holder, who alone counts them
  std::uint64_t ticksSeen;           // at the last round
  std::uint64_t ticksTrimmed;        // when it was last trimmed
  HeapFront** slot;                  // its holder's `self`; null: parked, on loan or borrowed
  bool borrowed;                     // by who trims it; `held` as well
  // Memory is short and the holder runs: it trims its own slabs at its next need of one (trim_own.h).
  std::atomic<bool> trimWanted;
  std::uint64_t ticksTrimmedOwn;  // the holder's own

  // Put into the bin at its last filling: the bin holds at most that many. Medium classes: how many freed
  // objects the bin may keep, at most kMostSpares.
  alignas(128) std::uint16_t installed[kMaxClasses];
  Slab* current[kMaxClasses];
  std::uint64_t allocated[kMaxClasses];      // objects put into bins or handed out; cumulative
  std::uint64_t freed[kMaxClasses];          // objects seen to have come back; cumulative
  pages::Granule partial[kMaxClasses];       // first of the list through Slab::link
  pages::Granule hollow[kMaxClasses];        // the same
  std::uint64_t drawnInterval[kMaxClasses];  // the interval that was in force when untilSample was drawn
  bool approaching[kMaxClasses];  // the draw stands, whatever the interval becomes: see countDown()
  GleaningOfClass gleaned[kMaxClasses];
  RemoteCache remoteCache;

  // noteWork: the helper may be asleep for want of work.
  void tick() noexcept {
    ticks.store(ticks.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    os::noteWork();
  }
};

extern const HeapFront emptyHeap;
extern constinit thread_local HeapFront* self;

// For slow paths: read once, never again by the compiler. Upkeep may change it from outside (pool.cpp).
inline HeapFront* ownFront() noexcept {
  return *static_cast<HeapFront* volatile*>(&self);
}

inline Heap* heldHeap() noexcept {
  HeapFront* front = ownFront();
  return front == &emptyHeap ? nullptr : static_cast<Heap*>(front);
}

}  // namespace heapprof::heap
