// The sampler, seen from the dump: sites (stack x allocated size x kind) with their sums, and live records.
//
// Invariant: a visitor sees each site and each record that existed when the walk began exactly once, or not
// at all if it died meanwhile; a record's fields are consistent (sequence-checked copy). Threads keep
// running; no lock is held while the visitor runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/sampling/sampler.h"

namespace heapprof::sampling {

inline constexpr std::size_t kMaxFrames = 128;
inline constexpr std::size_t kLifetimeBuckets = 48;

struct Site {
  std::uint64_t id;              // from 1, stable for the life of the process
  const std::uintptr_t* frames;  // leaf first, return addresses as found (not minus one); valid for ever
  std::uint32_t frameCount;
  const char* failure;  // null, or why the stack could not be taken ("[unwind failed: reason]")
  Kind kind;
  std::uint64_t allocatedSize;
  std::uint64_t rawAllocations, rawFrees;
  double allocObjects, allocBytes;  // unbiased sums
  double liveObjects, liveBytes, liveRequested;
  double peakBytes;  // its share at the heap's peak
  double ownPeakBytes;
  double varianceLive, varianceAlloc;           // of liveBytes, allocBytes: sum of s^2 (1-p)/p^2 over samples
  std::uint64_t firstSeenNanos, lastSeenNanos;  // monotonic
  const std::uint32_t* lifetime;                // kLifetimeBuckets counts
  std::uint64_t rawLive;  // live records; not always allocations - frees (a reset, a thinned sample)
};

struct LiveRecord {
  std::uint64_t address, requested, allocated, siteId, threadId, bornNanos, interval, alignment;
  Kind kind;
};

void forEachSite(void (*visit)(void* context, const Site& site), void* context) noexcept;
void forEachLive(void (*visit)(void* context, const LiveRecord& record), void* context) noexcept;

struct Statistics {
  std::uint64_t liveRecords, recordsEver, lostRecords, intervalDoublings, stacks, sites;
  double peakBytes;
  std::uint64_t peakNanos;   // monotonic
  const char* unwinder;      // "eh-frame", "frame-pointer", "libunwind", "libgcc", "none"
  const char* unwinderNote;  // why a better one is not in use, or ""
};
Statistics statistics() noexcept;

// heapprof_reset(): forgets cumulative figures and peaks; live records stay.
void resetCumulative() noexcept;

}  // namespace heapprof::sampling
