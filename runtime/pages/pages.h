// The page layer, seen from the heap: granules in, granules out, one lock around it.
//
// Invariant: a granule is handed out to one caller at a time; its `used` bit says so. A granule whose
// `backed` bit is clear reads as zero. Freed memory stays backed for reuse until purge() or the demand rule
// gives it back (demand.h). ENOMEM only when the kernel refuses address space or commit charge. errno is set
// on failure, preserved otherwise. Threads: any; the purge lock, then the page lock are taken inside; callers
// hold none of ours but the heap pool's. No lock but the purge lock is held while memory is given back.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"
#include "runtime/pages/region.h"

namespace heapprof::pages {

struct Span {
  Granule first = kNoGranule;
  std::uint32_t granules = 0;
  bool zeroed = false;     // every byte reads as zero
  bool returning = false;  // all of it had been given back since it was last in use
};

// Reserves the first region; safe to call again and from several threads. False with ENOMEM when there is no
// address space.
bool initialise() noexcept;

// Single granules for small slabs: up to `wanted`, all of one unit; returns how many.
std::uint32_t allocateSmall(Granule* out, std::uint32_t wanted) noexcept;

// Several granules in one piece: at most kLargestMedium come from a unit, more are an extent of their own.
// Alignment in granules, a power of two.
inline constexpr std::uint32_t kLargestMedium = kUnitGranules / 2;
Span allocate(std::uint32_t granules, std::uint32_t alignmentGranules = 1) noexcept;

void release(Granule first, std::uint32_t granules) noexcept;
void releaseSmall(const Granule* granules, std::uint32_t count) noexcept;

// Takes the free neighbour behind the span; false: not possible.
bool growInPlace(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed) noexcept;
void shrinkInPlace(Granule first, std::uint32_t granules, std::uint32_t kept) noexcept;

// Gives free, backed memory back to the kernel: all of it, or down to `keepBytes`. Returns the bytes advised.
std::uint64_t purge(std::uint64_t keepBytes) noexcept;

// The cgroup's limit is, as far as is known: better give back than take more.
bool isNear() noexcept;

// The helper thread's, before each round: whether memory is short outside of us (pressure.h).
void watchLimits() noexcept;
// The helper thread's share: gives back what has not been needed for a while by the clock (the purge option
// says how long). `endedGranules`: came free by trimming since the last call, so that nobody had needed them
// for a while already. False: nothing is left to wait for.
bool keepUp(std::uint64_t endedGranules = 0) noexcept;

// The heap is large, but little of it is live: the helper is wanted again when another MiB is in use.
void postponeHelper() noexcept;

// Counts calls; unchanged: nothing was asked of the page layer.
std::uint64_t activity() noexcept;

struct Totals {
  std::uint64_t usedGranules, freeBackedGranules, committedGranules;
  std::uint64_t purgedBytes, refaultedGranules;
};
Totals totals() noexcept;

// Fork: the lock is held across it.
struct Held {
  std::uint64_t usedGranules, freeBackedGranules;
  std::uint64_t activity;  // as activity() says
};
Held prepareFork() noexcept;
void parentAfterFork() noexcept;
void childAfterFork() noexcept;

}  // namespace heapprof::pages
