#include "runtime/base/mutex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heapprof::base {
namespace {

constexpr int kSpins = 64;

void relaxCpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

long futex(std::atomic<std::uint32_t>* word, int operation, std::uint32_t value) noexcept {
  return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void Mutex::lockSlow() noexcept {
  for (int i = 0; i < kSpins; ++i) {
    if (word_.load(std::memory_order_relaxed) == 0 && tryLock()) return;
    relaxCpu();
  }
  const int savedErrno = errno;  // a waiting free must not change errno
  // acquire: pairs with the release in unlock(). From here on the word says 2, because others may wait too.
  while (word_.exchange(2, std::memory_order_acquire) != 0) futex(&word_, FUTEX_WAIT, 2);
  errno = savedErrno;
}

void Mutex::wakeOne() noexcept {
  const int savedErrno = errno;
  futex(&word_, FUTEX_WAKE, 1);
  errno = savedErrno;
}

}  // namespace heapprof::base
