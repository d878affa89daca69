// Asks a running program over the runtime's control socket, across mount, PID and network namespaces.
//
// Invariant: every refusal is one line that says what to do. A socket is asked only when the process that
// listens there is the one that was meant (SO_PEERCRED): stale files and strangers' sockets are never
// trusted. One request a connection; each is bounded in time. Thread-safe but for the object itself.
#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>

#include "absl/status/statusor.h"

#include "profiler/capture/process.h"

namespace heapprof::capture {

class Control {
 public:
  // Waits a moment for a process that has only just been started.
  static absl::StatusOr<Control> attach(pid_t pid);

  const RunningProcess& process() const { return process_; }
  std::string who() const;  // "process 12 (redis-server)"

  // What stands behind "ok". NotFound: the process has ended; others: what the runtime said, or why it does
  // not answer. `descriptor` goes along unless negative.
  absl::StatusOr<std::string> ask(const std::string& line, int descriptor = -1,
                                  std::chrono::seconds patience = std::chrono::seconds(15)) const;

 private:
  Control(RunningProcess process, std::string path) : process_(std::move(process)), path_(std::move(path)) {}
  absl::StatusOr<int> connect() const;
  absl::Status checkRuns() const;

  RunningProcess process_;
  std::string path_;  // as seen from here
};

// Sockets in our own folders at which nobody listens any more: their processes were killed. Ours only.
void removeStaleSockets();

}  // namespace heapprof::capture
