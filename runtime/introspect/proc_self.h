// Where this process's files are under /proc: "/proc/self/NAME", or "/proc/thread-self/NAME" once the main
// thread has ended (the leader's own files are empty then). Chosen once a dump, by chooseProcSelf().
#pragma once

#include <cstddef>

namespace heapprof::introspect {

void chooseProcSelf() noexcept;

class ProcSelf {
 public:
  explicit ProcSelf(const char* name) noexcept;
  operator const char*() const noexcept { return path_; }  // NOLINT: it is a path and nothing else

 private:
  char path_[96];
};

}  // namespace heapprof::introspect
