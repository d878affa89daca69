// The helper thread, the one of ours that works unasked: runs duties (dumps, triggers), and keeps the heap up
// (purges, trims).
//
// Invariant: started at the beginning where a duty needs it, else when 8 MiB of the heap are live, from
// inside a slow allocation of the program's own code (never from libc's, ld.so's or an unfinished fork),
// without a lock of ours; never in setuid programs, with background=0 or in a child that shares its parent's
// memory. It blocks every signal. Threads do not survive fork: a child starts its own when it needs one.
// Where the kernel refuses, slow paths do what they can, and nothing is said. An idle process with nothing
// left to do sees no wake-ups.
//
// To add a duty: addDuty(myDuty) in an installX() that triggers.cpp calls at start, then startHelper() if it
// cannot wait until the heap is large. What wakes it early is a bit of os/bell.h.
#pragma once

#include <cstdint>

namespace heapprof::entry {

// Called at every wake-up of the helper, also those for others, so a timed duty keeps its own clock and
// returns what is left of it. `asked`: the bits of os/bell.h that were rung. Returns the nanoseconds until it
// is due again; 0: only when rung. Must not wait for anything unbounded: signals and purges wait behind it.
// Runs on the helper alone, so its state needs no lock; in a forked child that state is the parent's, copied.
using Duty = std::uint64_t (*)(std::uint32_t asked) noexcept;

inline constexpr unsigned kMaxDuties = 8;

// From the constructor: from now on the heap may ask for the helper.
void allowHelper() noexcept;
// What the heap calls then, with the frame of the public function that the program called.
void startHelperIfSuitable(const void* frame) noexcept;
// Before the helper starts, or later (then from its next wake-up). Adding twice is adding once. False: no
// room.
bool addDuty(Duty duty) noexcept;
// Now, and at once in each forked child. False: refused.
bool startHelper() noexcept;
// At the next suitable call of the program, in each forked child too: what a process that execs at once never
// makes.
void wantHelperSoon() noexcept;
bool helperIsAllowed() noexcept;
bool helperRuns() noexcept;
void helperInChild() noexcept;

}  // namespace heapprof::entry
