// Asks the kernel whether memory may be read, without a descriptor and without a signal: rt_sigprocmask with
// an invalid `how` reads the set it is given first (EFAULT where that fails) and refuses the request
// afterwards (EINVAL).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

// Other functions' frames are not ours to instrument: sanitizers poison what lies between variables.
#define HEAPPROF_READS_FOREIGN_STACK __attribute__((no_sanitize("address", "thread")))

// Inlined into a function that is instrumented, it would be instrumented too.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAPPROF_INLINE_UNLESS_SANITIZED [[gnu::noinline]]
#else
#define HEAPPROF_INLINE_UNLESS_SANITIZED [[gnu::always_inline]]
#endif

namespace heapprof::sampling {

// True where the 8 bytes at `address` (8-byte aligned) can be read. Changes errno.
bool isReadable(std::uintptr_t address) noexcept;

// The upper part of the calling thread's own stack, whose pages need not be asked about again: a system call
// a sample is more than all else that it costs.
//
// Invariant: all pages of [low, end) were found readable, one after the other from `end` downwards, and `end`
// is where the mapping ends that the thread runs on for all its life: the kernel's strings above the main
// thread's stack, and any other's thread-local memory, which libc puts at the top of its stack, be that its
// own or the program's. A guard page below, or any other gap, stops it, so that it does not reach into
// coroutines' stacks, which come and go: those are asked about as ever.
struct OwnStack {
  static constexpr std::uintptr_t kMostBytes = std::uintptr_t{1} << 30;

  std::atomic<std::uintptr_t> low, end;  // end 0: not known yet; atomic for handlers on the same thread

  bool holds(std::uintptr_t address) const noexcept {
    return address >= low.load(std::memory_order_relaxed) && address < end.load(std::memory_order_relaxed);
  }
};
[[gnu::tls_model("initial-exec")]] extern constinit thread_local OwnStack ownStack;

// How much may be read without asking by a walk that begins at `start`: less than 2 GiB.
inline std::uintptr_t knownStackBytes(std::uintptr_t start) noexcept {
  const std::uintptr_t end = ownStack.end.load(std::memory_order_relaxed);
  if (start >= ownStack.low.load(std::memory_order_relaxed) && start < end) [[likely]]
    return end - start;
  // The entry function's own frame lies here; no page is smaller.
  constexpr std::uintptr_t kSmallestPage = 4096;
  return kSmallestPage - start % kSmallestPage;
}

// Reads words of one thread's stack upwards from where the walk begins. Each page is asked about once in a
// walk; of the thread's own stack, once in its life.
class StackReader {
 public:
  explicit StackReader(std::uintptr_t start) noexcept;
  // False below `start`, unaligned or unreadable.
  HEAPPROF_INLINE_UNLESS_SANITIZED HEAPPROF_READS_FOREIGN_STACK bool read(std::uintptr_t address,
                                                                          std::uintptr_t* value) noexcept {
    if ((address & (sizeof(std::uintptr_t) - 1)) != 0) return false;
    if ((address < lowest_ || address >= knownEnd_) && !extendTo(address)) return false;
    *value = *reinterpret_cast<const std::uintptr_t*>(address);
    return true;
  }
  // The walk goes on at another stack (a signal handler's own, and back). False where `start` cannot be read.
  bool restart(std::uintptr_t start) noexcept;

 private:
  bool extendTo(std::uintptr_t address) noexcept;

  std::uintptr_t start_;
  std::uintptr_t pageBytes_;
  std::uintptr_t lowest_;  // of what is known to be readable, and not below start_
  std::uintptr_t knownEnd_;
};

}  // namespace heapprof::sampling
