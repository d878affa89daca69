#include "runtime/pages/pressure.h"

#include <atomic>

#include "runtime/os/bell.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/granule.h"
#include "runtime/pages/pages.h"

namespace heapprof::pages {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNearNanos = kSecond / 10;
constexpr std::uint64_t kRareNanos = 30 * kSecond;

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
// Looked at again after this growth at least.
constexpr std::uint64_t kLeastGrowth = (std::uint64_t{1} << 20) >> kGranuleShift;

constinit std::atomic<Pressure> inForce{Pressure::kNone};
constinit std::atomic<std::uint64_t> nearAt{kUnknown};
constinit std::atomic<std::uint64_t> lookAt{kUnknown};
constinit std::atomic<bool> due{false};
constinit std::atomic<bool> nearNow{false};

// The helper's own.
struct Watch {
  std::uint64_t lookedNanos = 0;
  std::uint64_t limitNanos = 0;
  std::uint64_t limitNotBefore = 0;
  std::uint64_t nearNanos = 0;  // last seen to be
  bool near = false;
  bool waiting = false;
  bool stallsKnown = false;
  std::uint64_t stallMicros = 0;
};
constinit Watch watch;

void noteRoom(std::uint64_t held, std::uint64_t roomGranules) noexcept {
  const std::uint64_t quarter = roomGranules / 4;
  nearAt.store(held + roomGranules, std::memory_order_relaxed);
  lookAt.store(held + (quarter > kLeastGrowth ? quarter : kLeastGrowth), std::memory_order_relaxed);
}

void forgetRoom() noexcept {
  nearAt.store(kUnknown, std::memory_order_relaxed);
  lookAt.store(kUnknown, std::memory_order_relaxed);
}

bool lookAtLimit(std::uint64_t now, std::uint64_t held, const os::CgroupPlaces& places) noexcept {
  if (now < watch.limitNotBefore) return watch.near;
  const os::CgroupMemory memory = os::readCgroupMemory(places);
  const std::uint64_t limit = memory.nearestBytes();
  if (!memory.known || limit == os::kNoLimit) {
    watch.limitNotBefore = now + kRareNanos;
    forgetRoom();
    return false;
  }
  const std::uint64_t charged = memory.workingBytes();
  const std::uint64_t bound = limit / 5 * 4;
  noteRoom(held, charged < bound ? (bound - charged) >> kGranuleShift : 0);
  if (charged >= bound) watch.nearNanos = now;
  // What goes back at once ends it at the next look, before sparse slabs have been trimmed: it lasts a
  // second.
  return charged >= (watch.near ? limit / 4 * 3 : bound) || (watch.near && now - watch.nearNanos < kSecond);
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

bool isNear() noexcept {
  return nearNow.load(std::memory_order_relaxed);
}
void noteNear() noexcept {
  if (!isNear()) nearNow.store(true, std::memory_order_relaxed);
}

std::uint64_t nearGranules() noexcept {
  return nearAt.load(std::memory_order_relaxed);
}

void noteHeld(std::uint64_t held) noexcept {
  if (held < lookAt.load(std::memory_order_relaxed)) return;
  lookAt.store(kUnknown, std::memory_order_relaxed);
  due.store(true, std::memory_order_relaxed);
  os::ring(os::kRingWork);
}

bool limitIsDue() noexcept {
  return due.load(std::memory_order_relaxed);
}

void pressureInChild() noexcept {
  watch = {};
  nearNow.store(false, std::memory_order_relaxed);
  due.store(false, std::memory_order_relaxed);
  forgetRoom();
  inForce.store(Pressure::kNone, std::memory_order_relaxed);
}

// Stalls are compared over a second, the limit whenever growth asks for it.
void watchPressure(std::uint64_t now, std::uint64_t held, const os::CgroupPlaces& places) noexcept {
  const std::uint64_t since = now - watch.lookedNanos;
  const bool grew = limitIsDue();
  // Pages that were given back and are touched again count in no figure of ours.
  const std::uint64_t pause = grew ? kSoonestNanos : watch.near ? kNearNanos : kSecond;
  if (since < kSecond && now - watch.limitNanos < pause) return;
  due.store(false, std::memory_order_relaxed);
  watch.limitNanos = now;
  watch.near = lookAtLimit(now, held, places);
  nearNow.store(watch.near, std::memory_order_relaxed);
  if (since >= kSecond) {
    watch.lookedNanos = now;
    watch.waiting = isWaiting(since, places);
  }
  const bool waiting = watch.waiting;
  const Pressure found = watch.near ? Pressure::kLimit : waiting ? Pressure::kStalls : Pressure::kNone;
  inForce.store(found, std::memory_order_relaxed);
  pauseForming(found != Pressure::kNone);
}

}  // namespace heapprof::pages
