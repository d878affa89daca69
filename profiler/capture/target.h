// Looks at a command before it is started: what will be executed, and every reason that keeps a preloaded
// allocator from seeing its heap. Reads files only; starts nothing.
//
// Invariant: an obstacle is certain (no profile can come), a note is advice (one will come, but not the whole
// story). Both are one line each and name the file. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace heapprof::capture {

struct Target {
  std::string path;           // what to exec: the command as found in PATH
  std::string executable;     // what the kernel loads in the end: for scripts the interpreter; links resolved
  std::string name;           // the executable's own name, as HEAPPROF's only= compares it
  bool startsOthers = false;  // a shell or a wrapper (env, timeout, ...): the program meant is another one
  std::string linkedAllocator;  // a needed library that brings malloc ("libjemalloc.so.2"); "": none known
  std::vector<std::string> obstacles;
  std::vector<std::string> notes;
};

// Errors: there is nothing to start (not found, a folder, not executable).
absl::StatusOr<Target> inspectTarget(absl::Span<const std::string> command, const std::string& library);

}  // namespace heapprof::capture
