// Turns at the lock of the address space, which every call that walks page tables holds as a reader. A writer
// (an mmap or munmap of the program) that sleeps for it is woken when such a call ends, but a reader that
// comes back within the microsecond takes the lock before it, until after 4 ms the kernel hands it over. So
// who makes many calls leaves the lock alone for a while, each time it has held it for long enough.
//
// Invariant: between two rests of at least kRestNanos the lock is held for at most kHeldNanos and one call.
// Work of another kind that takes that long is a rest as well. One thread.
#pragma once

#include <cstdint>

namespace heapprof::introspect {

class LockTurns {
 public:
  static constexpr std::uint64_t kHeldNanos = 250000;
  static constexpr std::uint64_t kRestNanos = 100000;

  // Around each call.
  void begin() noexcept;
  void end() noexcept;
  std::uint64_t lastNanos() const noexcept { return ended_ - begun_; }

 private:
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t held_ = 0;  // since the last rest
};

}  // namespace heapprof::introspect
