// Who of a program's processes goes on after the one that was started has ended: a daemon, or children that
// nobody waited for. Their dumps are still to come.
//
// Invariant: names only processes that have the library in memory, were started after the command and with
// the same HEAPPROF, which names the folder of the dumps: those of another run meanwhile are not among them.
// Reads /proc; what cannot be read is left out.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace heapprof::capture {

struct LeftBehind {
  pid_t pid = 0;
  std::string name;
};

// When `pid` was started, in the kernel's ticks since boot; 0: unknown.
std::uint64_t startTicksOf(pid_t pid);

// `options`: the value of HEAPPROF that the command was started with.
std::vector<LeftBehind> leftBehind(const std::string& library, const std::string& options,
                                   std::uint64_t sinceTicks);

}  // namespace heapprof::capture
