// The time of births and deaths: CLOCK_MONOTONIC, told by the processor's counter for some milliseconds after
// each reading of it. A reading costs 60 to 180 instructions and waits for all before it; this costs 20 and
// does not wait.
//
// Invariant: nothing is believed for longer than kSpanNanos. A time told lies within what the counter can
// drift in one span from the clock itself: under 3 us where it is steady, which is measured anew at each
// reading; never more than some spans where it is not. Without an invariant counter (and on AArch64) the
// clock itself is read. Threads: any; whoever finds the anchor being moved reads the clock.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/os/os.h"
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace heapprof::sampling {

// A place on the line that counter and clock lie on, and its slope.
struct ClockAnchor {
  std::atomic<std::uint64_t> version;  // odd: being written
  std::atomic<std::uint64_t> ticks, nanos;
  std::atomic<std::uint64_t> scale;      // nanoseconds a tick, 2^32 times
  std::atomic<std::uint64_t> spanTicks;  // good for so many; 0: only the place is known
  std::atomic<const os::Calls*> told;    // whose clock it is
};
extern ClockAnchor clockAnchor;

// Finds out whether the counter may be relied on. Not inside malloc.
void initialiseClock() noexcept;
void clockAfterForkInChild() noexcept;

std::uint64_t readClock() noexcept;  // the clock itself; moves the anchor

[[gnu::always_inline]] inline std::uint64_t clockNanos() noexcept {
#if defined(__x86_64__)
  const os::Calls* const calls = &os::calls();  // before anything has to be kept across a call
  const ClockAnchor& at = clockAnchor;
  // acquire: pairs with the releases in readClock(), as in RecordTable
  const std::uint64_t version = at.version.load(std::memory_order_acquire);
  const std::uint64_t since = __rdtsc() - at.ticks.load(std::memory_order_acquire);
  const std::uint64_t nanos =
      at.nanos.load(std::memory_order_acquire) + (since * at.scale.load(std::memory_order_acquire) >> 32);
  if (since < at.spanTicks.load(std::memory_order_acquire) &&
      at.told.load(std::memory_order_acquire) == calls && version % 2 == 0 &&
      at.version.load(std::memory_order_relaxed) == version) [[likely]] {
    return nanos;
  }
#endif
  return readClock();
}

}  // namespace heapprof::sampling
