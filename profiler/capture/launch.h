// Starts a program with the runtime preloaded, passes signals on to it, and waits for its end.
//
// Invariant: exactly one child, reaped before run() returns; the child begins with the signal mask and
// dispositions that this process began with. Signals that a terminal sends to the whole group are not passed
// on a second time. Call from the only thread: signals are blocked here while the child runs.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace heapprof::capture {

struct Launch {
  std::string path;                    // what to exec
  std::vector<std::string> arguments;  // argv, with argv[0]
  std::string library;                 // goes first into LD_PRELOAD; what was there follows
  std::string options;                 // HEAPPROF
};

struct Ended {
  pid_t pid = 0;
  int exitStatus = 0;  // as a shell says it: 128 + n for a signal
  int signal = 0;      // 0: it exited by itself
  bool coreDumped = false;
  std::string lastName;          // the kernel's name of it at its end, at most 15 characters; "" unknown
  std::uint64_t startTicks = 0;  // when it was started (left_behind.h); 0: unknown
};

// Errors: it could not be executed at all.
absl::StatusOr<Ended> run(const Launch& launch);

}  // namespace heapprof::capture
