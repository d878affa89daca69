#include "runtime/os/bell.h"

#include <climits>
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace heapprof::os {

constinit std::atomic<std::uint32_t> bell{0};
constinit std::atomic<bool> sleepsForGood{false};
constinit std::atomic<HelperState> helperState{HelperState::kForbidden};
constinit std::atomic<void (*)(const void* frame)> helperStarter{nullptr};

void ring(std::uint32_t bits) noexcept {
  const int savedErrno = errno;
  // release: pairs with takeRings(). Who finds the bit set has been rung for already.
  if ((bell.fetch_or(bits, std::memory_order_release) & bits) != bits) {
    syscall(SYS_futex, &bell, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  errno = savedErrno;
}

std::uint32_t takeRings() noexcept {
  return bell.exchange(0, std::memory_order_acquire);  // pairs with ring()
}

void waitForRing(std::uint64_t nanos) noexcept {
  constexpr std::uint64_t kSecond = 1000000000;
  timespec timeout = {};
  timeout.tv_sec = static_cast<time_t>(nanos / kSecond);
  timeout.tv_nsec = static_cast<long>(nanos % kSecond);
  syscall(SYS_futex, &bell, FUTEX_WAIT_PRIVATE, 0, nanos == 0 ? nullptr : &timeout, nullptr, 0);
}

}  // namespace heapprof::os
