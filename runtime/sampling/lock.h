// Locks that are given back by a plain store: one locked instruction where the usual two wait twice for all
// that the program has written.
//
// Invariant: 0 is free. A waiter looks again by itself, after a while spent spinning and then ever longer
// asleep: nobody wakes it, so nobody need know of it. For what nearly always takes less than a microsecond.
// Constinit, no destructor, never calls malloc. Threads: any; after fork the child calls reset().
#pragma once

#include <atomic>
#include <cstdint>

namespace heapprof::sampling {

// Not recursive. The word is 1 while it is held.
class Lock {
 public:
  constexpr Lock() noexcept = default;
  [[gnu::always_inline]] void lock() noexcept {
    std::uint32_t expected = 0;
    // acquire: pairs with the release in unlock()
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire, std::memory_order_relaxed))
        [[unlikely]] {
      wait();
    }
  }
  [[gnu::always_inline]] void unlock() noexcept {
    word_.store(0, std::memory_order_release);  // pairs with the acquire in lock() and wait()
  }
  void reset() noexcept { word_.store(0, std::memory_order_relaxed); }

 private:
  void wait() noexcept;
  std::atomic<std::uint32_t> word_{0};
};

class LockGuard {
 public:
  [[gnu::always_inline]] explicit LockGuard(Lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  [[gnu::always_inline]] ~LockGuard() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

// Knows its holder, so that a signal's handler is not made to wait for what it interrupted.
class HandlersLock {
 public:
  constexpr HandlersLock() noexcept = default;
  // False: the calling thread holds it already. Then it is not to be unlocked, and whatever is written must
  // be written by single instructions: the holder goes on afterwards from the middle of something.
  [[gnu::always_inline]] [[nodiscard]] bool lock() noexcept {
    std::uintptr_t expected = 0;
    // acquire: pairs with the release in unlock()
    if (word_.compare_exchange_strong(expected, self(), std::memory_order_acquire, std::memory_order_relaxed))
        [[likely]] {
      return true;
    }
    return expected != self() && wait();
  }
  [[gnu::always_inline]] void unlock() noexcept {
    word_.store(0, std::memory_order_release);  // pairs with the acquire in lock() and wait()
  }
  void reset() noexcept { word_.store(0, std::memory_order_relaxed); }

 private:
  // An address of the thread's own.
  static std::uintptr_t self() noexcept {
#if defined(__x86_64__)
    std::uintptr_t pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
#else
    return reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#endif
  }
  bool wait() noexcept;  // true
  std::atomic<std::uintptr_t> word_{0};
};

// Adds to what only the holder of a lock writes, by one instruction that a signal cannot divide. Readers see
// it after what was written before it.
template <typename T>
[[gnu::always_inline]] inline void addHeld(std::atomic<T>& word, T delta) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
  if constexpr (sizeof(T) == 8) {
    __asm__ volatile("addq %1, %0" : "+m"(*reinterpret_cast<T*>(&word)) : "er"(delta) : "memory", "cc");
  } else {
    static_assert(sizeof(T) == 4);
    __asm__ volatile("addl %1, %0" : "+m"(*reinterpret_cast<T*>(&word)) : "er"(delta) : "memory", "cc");
  }
#else
  word.fetch_add(delta, std::memory_order_release);
#endif
}

}  // namespace heapprof::sampling
