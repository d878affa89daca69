// Removes the control sockets that ended processes of our user left: by _exit, as forked children end, or
// killed.
//
// Invariant: a file goes only when it is a socket of our user with a control socket's name, at least two
// seconds old (one that is being made does not listen yet), whose process number nobody has here, and at
// which nobody listens (its process may be in another PID namespace). Bounded: the first kMostEntries of the
// folder. The control thread alone; allocates nothing.
#pragma once

namespace heapprof::entry {

inline constexpr unsigned kMostEntries = 4096;

void sweepControlSockets(const char* folder) noexcept;

}  // namespace heapprof::entry
