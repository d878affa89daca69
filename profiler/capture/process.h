// A running program, as /proc shows it to us: enough to find the runtime in it, and to say why it is not
// there.
//
// Invariant: what cannot be read is empty or unknown, never guessed. Reads /proc at the time of the call;
// thread-safe.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"

namespace heapprof::capture {

struct RunningProcess {
  pid_t pid = 0;  // of the process, where a thread's was given
  std::string name;
  uid_t user = 0;                 // its effective one
  std::vector<pid_t> pidsInside;  // in its namespaces, outermost first; the last is what it calls itself
  double secondsOld = 0;          // since it was forked; 0: unknown
  bool stopped = false;           // SIGSTOP, or a debugger
  bool mayLookInside = false;     // its mappings can be read
  bool hasRuntime = false;        // libheapprof.so is among them
};

// Errors: no such process (also one that has ended and waits for its parent).
absl::StatusOr<RunningProcess> inspectProcess(pid_t pid);
bool isAlive(pid_t pid);

// The addresses that its control thread listens at, as it named them: paths of its own mount namespace.
std::vector<std::string> controlPathsOf(pid_t pid);

}  // namespace heapprof::capture
