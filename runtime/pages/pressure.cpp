#include "runtime/pages/pressure.h"

#include <atomic>

#include "runtime/pages/forming.h"

namespace heapprof::pages {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kRareNanos = 30 * kSecond;

constinit std::atomic<Pressure> inForce{Pressure::kNone};

// The helper's own.
struct Watch {
  std::uint64_t lookedNanos = 0;
  std::uint64_t limitNotBefore = 0;
  bool near = false;
  bool stallsKnown = false;
  std::uint64_t stallMicros = 0;
};
constinit Watch watch;

bool isNear(std::uint64_t now, const os::CgroupPlaces& places) noexcept {
  if (now < watch.limitNotBefore) return watch.near;
  const os::CgroupMemory memory = os::readCgroupMemory(places);
  const std::uint64_t limit = memory.nearestBytes();
  if (!memory.known || limit == os::kNoLimit) {
    watch.limitNotBefore = now + kRareNanos;
    return false;
  }
  const std::uint64_t bound = watch.near ? limit / 20 * 17 : limit / 10 * 9;
  return memory.workingBytes() >= bound;
}

bool isWaiting(std::uint64_t sinceNanos, const os::CgroupPlaces& places) noexcept {
  std::uint64_t micros = 0;
  const bool known = os::readMemoryStallMicros(&micros, places);
  const std::uint64_t waited = micros - watch.stallMicros;
  const bool comparable = known && watch.stallsKnown && sinceNanos < 5 * kSecond;
  watch.stallsKnown = known;
  watch.stallMicros = micros;
  return comparable && waited * 1000 * 10 >= sinceNanos && os::memoryIsScarce(places);
}

}  // namespace

Pressure pressure() noexcept {
  return inForce.load(std::memory_order_relaxed);
}

void watchPressure(std::uint64_t now, const os::CgroupPlaces& places) noexcept {
  const std::uint64_t since = now - watch.lookedNanos;
  if (since < kSecond) return;
  watch.lookedNanos = now;
  watch.near = isNear(now, places);
  const bool waiting = isWaiting(since, places);
  const Pressure found = watch.near ? Pressure::kLimit : waiting ? Pressure::kStalls : Pressure::kNone;
  inForce.store(found, std::memory_order_relaxed);
  pauseForming(found != Pressure::kNone);
}

}  // namespace heapprof::pages
