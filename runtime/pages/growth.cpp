#include "runtime/pages/growth.h"

#include <errno.h>

#include "runtime/base/bits.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/pressure.h"
#include "runtime/pages/purging.h"

extern char** environ;

namespace heapprof::pages {

constinit Growth growth;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr unsigned kMostDoublings = 6;  // of the second for which a kernel that refused is left alone
constexpr std::uint64_t kSlowNanos = 1'000'000;
constexpr unsigned kMostSlow = 4;  // in a row
constexpr std::uint64_t kRestNanos = 100'000'000;
constexpr unsigned kMostApart = 16;  // at once; more threads than that place as ever
// With more than this part of what is in use free and in memory, that is used first.
constexpr unsigned kPlentyShift = 4;

constinit std::uint32_t apart[kMostApart] = {};  // units; page lock

template <typename T>
T get(const std::atomic<T>& value) noexcept {
  return value.load(std::memory_order_relaxed);
}
template <typename T>
void set(std::atomic<T>& variable, T value) noexcept {
  variable.store(value, std::memory_order_relaxed);
}

bool hasLimit() noexcept {
  return environ == nullptr || config::options().limitBytes != 0;
}

}  // namespace

void Growth::note(std::uint64_t bytes, std::uint64_t nowNanos) noexcept {
  set(noted_, nowNanos);
  if (nowNanos - get(since_) >= kGrowthWindowNanos) {
    set(since_, nowNanos);
    set(bytes_, std::uint64_t{0});
  }
  const std::uint64_t sum = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (sum >= kSteepBytes) {
    set(steepNanos_, nowNanos);
    if (!get(steep_)) becomeSteep(nowNanos);
  } else if (get(steep_) && nowNanos - get(steepNanos_) > kStaysSteepNanos) {
    set(steep_, false);
    set(mayPass_, false);
  }
}

void Growth::becomeSteep(std::uint64_t nowNanos) noexcept {
  const std::uint64_t passed = get(passed_);
  set(steep_, true);
  const std::uint64_t ago = nowNanos - passed;
  const bool goesOn = passed != 0 && ago < kSameGrowthNanos;
  if (!goesOn) set(passedBytes_, std::uint64_t{0});
  set(mayPass_, goesOn || passed == 0 || ago > kPassAgainNanos);
}

void Growth::noteSize(std::uint64_t usedGranules) noexcept {
  set(large_, usedGranules << kGranuleShift >= kLeastGrownBytes);
}

bool Growth::isUnlimited() const noexcept {
  return get(large_) && get(noted_) >= get(notBefore_) && formingIsOn() && pressure() == Pressure::kNone &&
         !isNear() && !hasLimit();
}

bool Growth::passesNow() noexcept {
  note(0, os::calls().monotonicNanos());
  return get(mayPass_) && isUnlimited();
}

bool Growth::isSteep() const noexcept {
  return get(steep_) && isUnlimited();
}

void Growth::notePassedOver(std::uint64_t bytes) noexcept {
  const std::uint64_t sum = passedBytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (sum >= kMuchPassed) set(passed_, get(noted_));
}

void Growth::noteHuge(bool given, std::uint64_t tookNanos, std::uint64_t nowNanos) noexcept {
  if (!given) {
    const unsigned before = get(refusals_);
    set(refusals_, before + 1);
    set(notBefore_, nowNanos + (kSecond << (before < kMostDoublings ? before : kMostDoublings)));
    return;
  }
  set(refusals_, 0u);
  if (tookNanos < kSlowNanos) return set(slow_, 0u);
  const unsigned slow = get(slow_) + 1;
  set(slow_, slow % kMostSlow);
  if (slow >= kMostSlow) set(notBefore_, nowNanos + kRestNanos);
}

void noteOpened(std::uint32_t number) noexcept {
  // What had been given back is noted when it is used.
  const Unit& unit = unitByNumber(number);
  const std::uint64_t fresh = kAllGranules & ~unit.purged & ~unit.backed.load(std::memory_order_relaxed);
  if (fresh == 0) return;
  book.nowNanos = os::calls().monotonicNanos();
  growth.noteSize(book.usedGranules);
  growth.note(std::uint64_t{base::bitCount(fresh)} << kGranuleShift, book.nowNanos);
}

bool wantsHugeUnits() noexcept {
  return growth.isSteep() && book.freeBackedGranules <= book.usedGranules >> kPlentyShift &&
         book.usedGranules + book.freeBackedGranules + 2 * kUnitGranules <= nearGranules();
}

bool setApart(std::uint32_t unit) noexcept {
  if (!wantsHugeUnits()) return false;
  const Unit& row = unitByNumber(unit);
  if (row.backed.load(std::memory_order_relaxed) != 0) return false;
  // Its slabs come and go: the next fall would break it.
  if (row.rhythm.awayMillis.load(std::memory_order_relaxed) != 0) return false;
  for (std::uint32_t& each : apart) {
    if (each != 0) continue;
    each = unit;
    return true;
  }
  return false;
}

bool faultHuge(std::uint32_t unit) noexcept {
  const int savedErrno = errno;
  auto* start = reinterpret_cast<unsigned char*>(addressOf(unit << kUnitGranulesShift));
  const bool advises = regionsAreAdvised() || kernelFormsByItself();
  if (advises) os::calls().adviseHuge(start, kUnitBytes, true);
  const std::uint64_t before = os::calls().monotonicNanos();
  *static_cast<volatile unsigned char*>(start) = 0;
  const std::uint64_t after = os::calls().monotonicNanos();
  if (advises && !kernelFormsByItself()) os::calls().adviseHuge(start, kUnitBytes, false);
  // Nobody else can have touched it: its last page is there only if the first touch brought all of them.
  const std::size_t page = os::pageBytes();
  unsigned char last = 0;
  const bool huge = os::calls().residentPages(start + kUnitBytes - page, page, &last) && (last & 1) != 0;
  growth.noteHuge(huge, after - before, after);
  if (!huge) noteRefusal(ENOMEM);
  errno = savedErrno;
  return huge;
}

void admit(std::uint32_t number, Use use, bool huge) noexcept {
  for (std::uint32_t& each : apart) {
    if (each == number) each = 0;
  }
  book.fileBacked(number, huge ? kUnitGranules : 1);
  if (huge) noteFormed(unitByNumber(number));
  book.lists.add(number, use);
}

void growthInChild() noexcept {
  for (std::uint32_t& each : apart) {
    if (each == 0) continue;
    book.fileBacked(each, kUnitGranules);  // it may have been touched
    book.extents.give(each << kUnitGranulesShift, kUnitGranules);
    each = 0;
  }
}

}  // namespace heapprof::pages
