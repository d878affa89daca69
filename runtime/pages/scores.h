// What purging achieved: each pass is an experiment, and this is its result.
//
// A pass notes what it advised, what of that was resident, how long it took. Memory that is used again later
// is charged to the totals, and to the last pass that took some of its unit, by its age: within 1, 10 and 60
// s. So a unit that was purged twice charges the later pass: an estimate where both took part of it, exact
// otherwise.
//
// Invariant: counters only grow; a row of the ring belongs to the pass whose number it holds. Lock-free:
// passes end, memory is used again and dumps read at the same time; a row that is being replaced may show
// figures of both. Threads: any.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

enum class PurgeReason : std::uint8_t {
  kUnknown,
  kDemand,
  kApi,
  kTrim,
  kLimit,
  kPressure
};  // = PurgeReason in heap_snapshot.proto

struct PurgePass {
  std::uint64_t startNanos = 0;  // monotonic
  PurgeReason reason = PurgeReason::kUnknown;
  std::uint64_t advisedBytes = 0;
  std::uint64_t residentBytes = 0;  // of these, just before
  std::uint64_t returnedBytes = 0;  // resident ones whose advice was taken
  std::uint64_t keptBytes = 0;      // free and backed, left on purpose
  std::uint64_t hugePagesBroken = 0;
  bool residencyKnown = true;
};

inline constexpr unsigned kAges = 3;  // within 1, 10, 60 s
inline constexpr unsigned kBuckets =
    48;  // bucket i: [2^i, 2^(i+1)); 0 is in the first, what is more in the last

struct PurgeRow {
  std::uint64_t number;  // of the pass, from 1
  std::uint64_t startNanos, durationNanos;
  PurgeReason reason;
  std::uint64_t advisedBytes, residentBytes, returnedBytes, keptBytes;
  bool residencyKnown;
  std::uint64_t hugePagesBroken;
  std::uint64_t refaultedBytes[kAges];
};

struct PurgeTotals {
  std::uint64_t passes, advisedBytes, residentBytes, returnedBytes, nanos;
  std::uint64_t unknownPasses;  // whose residency is not known: nor are the sums then
  std::uint64_t refaultedBytes[kAges];
};

// How passes and refaults are spread; each sum of counts is that of what has been noted.
struct PurgeSpread {
  std::uint64_t advisedBytes[kBuckets];   // passes
  std::uint64_t durationNanos[kBuckets];  // passes
  std::uint64_t refaultNanos[kBuckets];   // pages, by the time since their unit was last purged; however old
};

// The pass has ended. Nothing is noted of one that advised nothing.
void notePass(const PurgePass& pass) noexcept;
// A part of the unit goes back to the kernel, or has come back into use.
void stampUnit(Granule granule, std::uint64_t nowNanos) noexcept;
void noteRefault(Granule granule, std::uint64_t bytes, std::uint64_t nowNanos) noexcept;

PurgeTotals purgeTotals() noexcept;
void readSpread(PurgeSpread& spread) noexcept;
// The last passes, the oldest first.
void forEachPass(void (*visit)(void* context, const PurgeRow& row), void* context) noexcept;

}  // namespace heapprof::pages
