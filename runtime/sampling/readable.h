// Asks the kernel whether memory may be read, without a descriptor and without a signal: rt_sigprocmask with
// an invalid `how` reads the set it is given first (EFAULT where that fails) and refuses the request
// afterwards (EINVAL).
#pragma once

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

// Reads words of one thread's stack upwards from where the walk begins. Each page is asked about once in a
// walk; of the thread's own stack, once in its life (OwnStack, in readable.cpp).
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
  // What needs no asking: a caller that compares many words keeps this at hand.
  struct Window {
    std::uintptr_t lowest, bytes;
    bool holds(std::uintptr_t address) const noexcept { return address - lowest < bytes; }
  };
  Window window() const noexcept { return {lowest_, knownEnd_ - lowest_}; }
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
