#include "runtime/sampling/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace heapprof::sampling {

constinit ClockAnchor clockAnchor = {};

#if defined(__x86_64__)
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;

constexpr std::uint64_t kSpanNanos = 100'000'000;
// Two readings this far apart give the slope; farther, and it is an average over too much (a moved virtual
// machine, a suspended one).
constexpr std::uint64_t kFarApart = 2'000'000'000;
// A reading during which the counter went on by more of what lies between two was interrupted.
constexpr std::uint64_t kPrecision = 65536;
// Slopes of counters of 60 MHz to 16 GHz.
constexpr double kFlattest = 1.0 / 16, kSteepest = 16;

constinit std::atomic<bool> steady{false};

// Nanoseconds a tick between the anchor and here; 0 where that is not to be had.
double slopeTo(std::uint64_t ticks, std::uint64_t nanos, std::uint64_t uncertain) noexcept {
  const std::uint64_t passed = ticks - clockAnchor.ticks.load(kRelaxed);
  const std::uint64_t elapsed = nanos - clockAnchor.nanos.load(kRelaxed);
  if (elapsed > kFarApart || passed / kPrecision < uncertain) return 0;
  const double slope = static_cast<double>(static_cast<std::int64_t>(elapsed)) /
                       static_cast<double>(static_cast<std::int64_t>(passed));
  return slope >= kFlattest && slope <= kSteepest ? slope : 0;
}

// The version is odd: the anchor is the caller's.
void moveAnchor(std::uint64_t ticks, std::uint64_t nanos, double slope) noexcept {
  constexpr double kOne = 4294967296.0;  // of `scale`
  clockAnchor.ticks.store(ticks, kRelease);
  clockAnchor.nanos.store(nanos, kRelease);
  clockAnchor.scale.store(static_cast<std::uint64_t>(static_cast<std::int64_t>(slope * kOne)), kRelease);
  const double span = slope > 0 ? static_cast<double>(kSpanNanos) / slope : 0;
  clockAnchor.spanTicks.store(static_cast<std::uint64_t>(static_cast<std::int64_t>(span)), kRelease);
}

}  // namespace

// The counter runs at one speed in all states of the processor.
void initialiseClock() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kPowerManagement = 0x80000007, kInvariantCounter = 1u << 8;
  if (__get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariantCounter) != 0) {
    clockAnchor.told.store(&os::kernel(), kRelease);
    steady.store(true, kRelaxed);
  }
}

[[gnu::noinline]] std::uint64_t readClock() noexcept {
  const os::Calls& calls = os::calls();
  // A test's clock goes at no counter's speed.
  if (!steady.load(kRelaxed) || &calls != &os::kernel()) return calls.monotonicNanos();
  std::uint64_t version = clockAnchor.version.load(kRelaxed);
  if (version % 2 != 0 || !clockAnchor.version.compare_exchange_strong(version, version + 1,
                                                                       std::memory_order_acquire, kRelaxed)) {
    return calls.monotonicNanos();
  }
  const std::uint64_t before = __rdtsc();
  const std::uint64_t nanos = calls.monotonicNanos();
  const std::uint64_t uncertain = __rdtsc() - before;
  const std::uint64_t elapsed = nanos - clockAnchor.nanos.load(kRelaxed);
  if (elapsed > kFarApart) {
    moveAnchor(before, nanos, 0);
  } else if (elapsed >= kSpanNanos) {
    const double slope = slopeTo(before, nanos, uncertain);
    if (slope > 0) moveAnchor(before, nanos, slope);
  }
  clockAnchor.version.store(version + 2, kRelease);  // pairs with the acquire in clockNanos()
  return nanos;
}

// The thread that moved it may not exist here.
void clockAfterForkInChild() noexcept {
  const std::uint64_t version = clockAnchor.version.load(kRelaxed);
  if (version % 2 == 0) return;
  clockAnchor.spanTicks.store(0, kRelaxed);
  clockAnchor.version.store(version + 1, kRelease);
}

#else

void initialiseClock() noexcept {}
void clockAfterForkInChild() noexcept {}
std::uint64_t readClock() noexcept {
  return os::calls().monotonicNanos();
}

#endif

}  // namespace heapprof::sampling
