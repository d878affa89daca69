// Forming huge pages from dense units, in the background (MADV_COLLAPSE, Linux 6.1).
//
// A unit qualifies when nine tenths of its granules are in use and nine tenths of its pages are resident, all
// of them ours alone (bit 56 of pagemap: a page shared with a forked child would be copied), it is a second
// old, nothing of it was given back for 10 s, and if it has come and gone before, it has been calm for a
// minute. So forming costs a tenth of its memory at most, and a copy of 2 MiB.
//
// Invariant: by the helper alone, with the purge lock held around each collapse and no other: no batch is out
// of the unit meanwhile. A collapse stalls the faults of all threads for its time, so there is one at a time,
// when there are few faults, and all together take a bounded share of the time that passes; a kernel that
// refuses or is slow is asked less and less. Where pagemap cannot be read, nothing is formed once this
// process has forked.
#pragma once

#include <cstdint>

namespace heapprof::pages {

inline constexpr std::uint64_t kDwellNanos = 10'000'000'000;

// Forms one; the next comes sooner when `quiet`, nobody allocates. Returns the nanoseconds until there may be
// more to do; 0: not before something changes.
std::uint64_t formHugePages(bool quiet) noexcept;

// Memory is short: nothing is formed until told otherwise.
void pauseForming(bool pause) noexcept;
// Dense units are worth keeping whole.
bool formingIsOn() noexcept;

// fork: in both, pages may be shared from now on.
void noteFork() noexcept;
// A forked child: its budget, and what it learns of the kernel, begin anew.
void restartForming() noexcept;

}  // namespace heapprof::pages
