#include "runtime/heap/upkeep.h"

#include <time.h>

#include "runtime/heap/pool.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kRoundNanos = 200'000'000;
constexpr std::uint64_t kCreditNanos = 300'000'000;
constexpr std::uint64_t kShare = 200;  // of the time that passes

constinit std::uint64_t startedNanos = 0;  // the helper's own

std::uint64_t ownCpuNanos() noexcept {
  timespec now = {};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Nanoseconds until the time spent is within bounds again.
std::uint64_t overspent(std::uint64_t now) noexcept {
  const std::uint64_t allowed = kCreditNanos + (now - startedNanos) / kShare;
  const std::uint64_t spent = ownCpuNanos();
  return spent <= allowed ? 0 : (spent - allowed) * kShare;
}

}  // namespace

std::uint64_t keepUp() noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  if (startedNanos == 0) startedNanos = now;
  if (const std::uint64_t pause = overspent(now); pause != 0)
    return pause > kRoundNanos ? pause : kRoundNanos;
  // Set before the last look: work that comes later rings.
  const bool wasLast = os::sleepsForGood.load(std::memory_order_relaxed);
  const bool more = pages::keepUp();
  os::sleepsForGood.store(!more, std::memory_order_seq_cst);
  return !more && wasLast ? 0 : kRoundNanos;
}

}  // namespace heapprof::heap
