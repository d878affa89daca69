// A four-byte lock on a futex: constinit, no destructor, usable before main and after exit, never calls
// malloc. Invariant: word_ is 0 free, 1 held, 2 held and perhaps waited for. Not recursive. After fork the
// child calls reset() on every lock of ours (entry/fork.cpp holds the list), because their holders do not
// exist there.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/in_child.h"

namespace heapprof::base {

class Mutex {
 public:
  constexpr Mutex() noexcept = default;
  void lock() noexcept {
    std::uint32_t expected = 0;
    // acquire: pairs with the release in unlock()
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      lockSlow();
    }
  }
  bool tryLock() noexcept {
    std::uint32_t expected = 0;
    return word_.compare_exchange_strong(expected, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void unlock() noexcept {
    // release: pairs with the acquire in lock()
    if (word_.exchange(0, std::memory_order_release) == 2) wakeOne();
  }
  void reset() noexcept { setInChild(word_, 0); }

 private:
  void lockSlow() noexcept;
  void wakeOne() noexcept;
  std::atomic<std::uint32_t> word_{0};
};

class MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) noexcept : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace heapprof::base
