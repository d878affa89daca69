// One program, started: what `run` and `bench` share. Which signals are waited for while a child runs, and
// fork and exec with an environment and descriptors of its own.
//
// Invariant: the child begins with the signal mask and dispositions that this process began with; spawn()
// returned a process means exec has succeeded. Call from the only thread.
#pragma once

#include <cstdint>
#include <signal.h>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace heapprof::capture {

// Signals that are meant for the child, and SIGCHLD, are blocked while this lives, to be waited for.
class SignalGate {
 public:
  SignalGate();
  ~SignalGate() { restore(); }
  SignalGate(const SignalGate&) = delete;
  SignalGate& operator=(const SignalGate&) = delete;

  void restore() const;  // as it was before, for the child, too
  const sigset_t& waited() const { return waited_; }

 private:
  sigset_t waited_{};
  sigset_t oldMask_{};
  struct sigaction oldChild_ {};
};

struct Spawn {
  std::string path;                    // what to exec
  std::vector<std::string> arguments;  // argv, with argv[0]
  std::vector<std::string> environment;
  int descriptors[3] = {-1, -1, -1};  // standard input, output, error; -1: ours
  bool stopAtEnd = false;             // where the kernel allows it: traced, so that it stops before its end
};

struct Spawned {
  pid_t pid = 0;
  std::int64_t startNanos = 0;  // CLOCK_MONOTONIC, just before exec
  // Resident in the child before exec: a copy of ours. The kernel counts it into the child's ru_maxrss, which
  // is the program's own only where it is larger.
  std::uint64_t rssBeforeExecBytes = 0;
  bool stopsAtEnd = false;  // PTRACE_EVENT_EXIT, its memory still there; signals stop it, too (ptrace(2))
};

// Errors: it could not be executed at all.
absl::StatusOr<Spawned> spawn(const Spawn& what, const SignalGate& gate);

// CLOCK_MONOTONIC.
std::int64_t monotonicNanos();

// Our environment without HEAPPROF and LD_PRELOAD; what was in LD_PRELOAD goes to `preload` where asked for.
std::vector<std::string> plainEnvironment(std::string* preload = nullptr);

}  // namespace heapprof::capture
