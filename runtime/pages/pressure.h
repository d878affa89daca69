// Whether memory is short outside of us: our cgroup is near its limit, or tasks wait for memory. Then
// everything that is free goes back at once, huge pages included, and none is formed.
//
// Near: four fifths of the nearest of memory.max, memory.high (v1: limit_in_bytes) of the own cgroup and
// those above it, what the kernel would drop first not counted; over below three quarters, a second later at
// the earliest. Waiting: some task did, a tenth of the last second (PSI).
//
// A second is long for threads that grow by 100 MB meanwhile. So each look at a limit also says how much more
// we may hold until it is near (nearGranules), and when to look again (a quarter of that way).
//
// Invariant: read by the helper alone, once a second at most, ten times near the limit, or each kSoonestNanos
// while we grow towards it, and every 30 s where there is none; a process without a helper, or whose helper
// sleeps for want of work, does not watch. Threads: watchPressure() and limitIsDue() the helper, the others
// any.
#pragma once

#include <cstdint>

#include "runtime/os/cgroup.h"

namespace heapprof::pages {

enum class Pressure : std::uint8_t { kNone, kLimit, kStalls };

// Between two looks of the helper that growth has asked for.
inline constexpr std::uint64_t kSoonestNanos = 20'000'000;

Pressure pressure() noexcept;
// `held`: granules in use, and free ones that are backed.
void watchPressure(std::uint64_t nowNanos, std::uint64_t held, const os::CgroupPlaces& places = {}) noexcept;

// Whoever holds more than nearGranules() says so.
void noteNear() noexcept;
// From so many granules held on the limit is near; all ones: no limit is known.
std::uint64_t nearGranules() noexcept;
// Rings the helper when it is time for another look.
void noteHeld(std::uint64_t held) noexcept;
bool limitIsDue() noexcept;

void pressureInChild() noexcept;  // after fork(): nobody watches yet

}  // namespace heapprof::pages
