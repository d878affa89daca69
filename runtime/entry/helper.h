// The one thread of ours: writes dumps that signals ask for, and keeps the heap up (purges, trims).
//
// Invariant: started at the beginning where signals are to be served, else when the heap has passed 8 MiB,
// from inside a slow allocation of the program's own code (never from libc's, ld.so's or an unfinished fork),
// without a lock of ours; never in setuid programs, with background=0 or in a child that shares its parent's
// memory. It blocks every signal. Threads do not survive fork: a child starts its own when it needs one.
// Where the kernel refuses, slow paths do what they can, and nothing is said. An idle process with nothing
// left to do sees no wake-ups.
#pragma once

#include <cstdint>

namespace heapprof::entry {

// Serves what was rung for: bits of os/bell.h.
using HelperService = void (*)(std::uint32_t asked);

// From the constructor: from now on the heap may ask for the helper.
void allowHelper() noexcept;
// For triggers: now. False: refused.
bool startHelper(HelperService service) noexcept;
bool helperRuns() noexcept;
// `restart`: the child needs one from the start.
void helperInChild(bool restart) noexcept;

}  // namespace heapprof::entry
