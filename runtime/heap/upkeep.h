// What the helper thread does for the heap, and when it is to come again.
//
// Invariant: one round at a time, by the helper alone; no lock of ours is held across a system call but the
// purge lock. The processor time it may take is bounded: kCreditNanos at first, then 0.5% of the time that
// passes, 5% near a limit of the cgroup.
#pragma once

#include <cstdint>

namespace heapprof::heap {

// One round. Returns the nanoseconds until the next is due; 0: not before someone rings (os/bell.h).
std::uint64_t keepUp() noexcept;

// Trims the slabs of all heaps that can be had: parked ones, and those of threads that sleep (`evenMoved`:
// also those that did something since the last round). Returns the bytes advised.
// `waits`: whether something was left that is waited for.
std::uint64_t trimEverything(bool evenMoved, bool* waits = nullptr) noexcept;

}  // namespace heapprof::heap
