// errno as it was, at the end of a scope: for API callers, for slow paths inside free(), and for programs
// interrupted at their exit. Threads: errno is a thread's own.
#pragma once

#include <cerrno>

namespace heapprof::base {

class ErrnoKeeper {
 public:
  ErrnoKeeper() noexcept : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

}  // namespace heapprof::base
