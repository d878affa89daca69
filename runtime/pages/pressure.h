// Whether memory is short outside of us: our cgroup is near its limit, or tasks wait for memory. Then
// everything that is free goes back at once, huge pages included, and none is formed.
//
// Near: nine tenths of the nearest of memory.max, memory.high (v1: limit_in_bytes) of the own cgroup and
// those above it, what the kernel would drop first not counted; over at 17/20. Waiting: some task did, a
// tenth of the last second (PSI).
//
// Invariant: read by the helper alone, once a second at most, and every 30 s where there is no limit; a
// process without a helper, or whose helper sleeps for want of work, does not watch. Threads: watchPressure()
// the helper, pressure() any.
#pragma once

#include <cstdint>

#include "runtime/os/cgroup.h"

namespace heapprof::pages {

enum class Pressure : std::uint8_t { kNone, kLimit, kStalls };

Pressure pressure() noexcept;
void watchPressure(std::uint64_t nowNanos, const os::CgroupPlaces& places = {}) noexcept;

}  // namespace heapprof::pages
