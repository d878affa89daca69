#include "runtime/pages/pages.h"

#include <cstring>
#include <errno.h>

#include "runtime/base/errno_keeper.h"
#include "runtime/base/fatal.h"
#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/pages/book.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/pressure.h"
#include "runtime/pages/purging.h"

extern char** environ;

namespace heapprof::pages {

constinit Book book;

namespace {

// The clock is read for long spans and for every kQuietCalls-th other call.
constexpr std::uint32_t kQuietCalls = 16;

bool ready() noexcept {
  if (regionCount() != 0) return true;
  // ld.so may call us before libc has found the environment; then the options wait for the constructor.
  const std::size_t wanted = environ == nullptr ? 0 : config::options().reserveBytes;
  if (!reserveFirstRegion(wanted)) {
    errno = ENOMEM;
    return false;
  }
  book.nowNanos = os::calls().monotonicNanos();
  return true;
}

enum class Growth : std::uint8_t { kDone, kTaken, kNoRoom, kRefused };

// Makes `granules` more free in one piece, aligned. kTaken: `taken` is that piece and was never among the
// free extents, whose table so stays untouched in a small program. kRefused: the region has room, but the
// kernel gives no memory for it.
Growth growRegion(Region& region, std::uint32_t granules, std::uint32_t alignment, Granule* taken) noexcept {
  const std::uint32_t from = region.committed.load(std::memory_order_relaxed);
  std::uint32_t needed = granules + (alignment > kUnitGranules ? alignment : 0);
  if (&region == &regionAt(0) && from == 0) needed += kUnitGranules;
  // What is free at the end already counts.
  const std::uint32_t tail = from == 0 ? 0 : nodeOf(region.first + from - 1).length;
  if (alignment <= kUnitGranules)
    needed = needed > (tail & ~(kUnitGranules - 1)) ? needed - (tail & ~(kUnitGranules - 1)) : 0;
  if (needed == 0) needed = kUnitGranules;
  const std::uint32_t left = (region.granules - from) & ~(kUnitGranules - 1);
  if (needed > left) return Growth::kNoRoom;
  const std::uint32_t got = commitMore(region, needed);
  if (got == 0) return Growth::kRefused;
  Granule first = region.first + from;
  std::uint32_t fresh = got;
  if (first == kNoGranule) {  // unit 0 is never handed out: its number means "none"
    first += kUnitGranules;
    fresh -= kUnitGranules;
  }
  if (fresh == granules && tail == 0 && alignment <= kUnitGranules) {
    *taken = first;
    return Growth::kTaken;
  }
  if (fresh > 0) book.extents.give(first, fresh);
  return Growth::kDone;
}

Granule takeRun(std::uint32_t granules, std::uint32_t alignment) noexcept {
  const bool isLong = granules > kUnitGranules && alignment == 1;
  Granule first = isLong ? book.extents.takeWarm(granules) : book.extents.take(granules, alignment);
  bool refused = false;
  for (std::size_t i = 0; first == kNoGranule && i < regionCount(); ++i) {
    const Growth growth = growRegion(regionAt(i), granules, alignment, &first);
    if (growth == Growth::kDone) first = book.extents.take(granules, alignment);
    refused |= growth == Growth::kRefused;
  }
  if (first != kNoGranule) return first;
  // Memory is short, not address space: it would be refused in another region too, which would stay behind.
  if (refused) return kNoGranule;
  const std::uint32_t slack = alignment > kUnitGranules ? alignment : 0;
  if (granules + slack < granules) return kNoGranule;
  Region* region = reserveAnotherRegion(granules + slack);
  if (region == nullptr) return kNoGranule;
  const Growth growth = growRegion(*region, granules, alignment, &first);
  return growth == Growth::kDone ? book.extents.take(granules, alignment) : first;
}

// Page lock held: what has been taken is in use now.
Span spanOf(Granule first, std::uint32_t granules) noexcept {
  const Book::Marked marked = book.markUsed(first, granules);
  return {first, granules, marked.zeroed, marked.returning};
}

Span takeFromUnit(std::uint32_t number, std::uint32_t granules) noexcept {
  Unit& unit = unitByNumber(number);
  const unsigned bit = UnitLists::findRun(unit.used.load(std::memory_order_relaxed),
                                          unit.backed.load(std::memory_order_relaxed), granules);
  if (bit == kUnitGranules) base::fatal("pages: a unit was filed under a run that it does not have");
  const Granule first = (number << kUnitGranulesShift) + bit;
  const Span span = spanOf(first, granules);
  book.lists.refile(number);
  return span;
}

// Programs with small heaps ask no further.
bool isLarge() noexcept {
  return book.usedGranules << kGranuleShift >= kLeastGrownBytes / 2;
}

// A fresh unit for this use. 0: there is none; or `apart`, if it is not null, is one that the caller has to
// make huge before it asks again.
std::uint32_t openUnit(Use use, std::uint32_t* apart) noexcept {
  const Granule first = takeRun(kUnitGranules, kUnitGranules);
  if (first == kNoGranule) return 0;
  const std::uint32_t number = first >> kUnitGranulesShift;
  if (isLarge()) {
    noteOpened(number);
    if (apart != nullptr && setApart(number)) {
      *apart = number;
      return 0;
    }
  }
  book.lists.add(number, use);
  return number;
}

// Some of what is free was given back.
bool hasHoles(std::uint32_t number) noexcept {
  const Unit& unit = unitByNumber(number);
  return (unit.purged & ~unit.used.load(std::memory_order_relaxed)) != 0;
}

// When not even one unit can be had, any hole will do.
Span takeHole(std::uint32_t granules, std::uint32_t alignment) noexcept {
  const Granule first = book.extents.take(granules, alignment);
  if (first != kNoGranule) return spanOf(first, granules);
  if (alignment == 1 && granules <= kUnitGranules) {
    const std::uint32_t unit = book.lists.bestMedium(granules, true);
    if (unit != 0) return takeFromUnit(unit, granules);
  }
  errno = ENOMEM;
  return {};
}

// The helper thread is wanted from here on; where less than that was found to be live, asked again when
// another MiB is in use.
constexpr std::uint64_t kHelperGranules = (std::uint64_t{8} << 20) >> kGranuleShift;
constexpr std::uint64_t kHelperStep = (std::uint64_t{1} << 20) >> kGranuleShift;
constinit std::uint64_t helperFromUsed = 0;  // page lock

// How many free, backed granules may stay; kNothingDue: as many as there are.
std::uint64_t settle(std::uint32_t granules) noexcept {
  os::noteWork();
  ++book.calls;
  noteHeld(book.usedGranules + book.freeBackedGranules);
  if (const std::uint64_t keep = keepForLimit(); keep != kNothingDue) return keep;
  if (granules < kQuietCalls && ++book.quietCalls < kQuietCalls) return kNothingDue;
  book.quietCalls = 0;
  book.nowNanos = os::calls().monotonicNanos();
  const config::PurgeMode mode = purgeRule().mode;
  book.noteUse();
  if (book.usedGranules >= helperFromUsed && book.usedGranules + book.freeBackedGranules >= kHelperGranules)
    os::wantHelper();
  if (mode == config::PurgeMode::kNever) return kNothingDue;
  if (mode == config::PurgeMode::kEager || pressure() != Pressure::kNone)
    return book.freeBackedGranules > kLittle ? kLittle : kNothingDue;
  const std::uint64_t target = larger(book.demand.target(), awaited(mode));
  if (book.sparedGranules > book.freeBackedGranules) book.sparedGranules = book.freeBackedGranules;
  if (book.usedGranules + book.freeBackedGranules <= target) return kNothingDue;
  if (book.sparedGranules != 0 && book.freeBackedGranules <= book.sparedGranules + kLittle)
    return kNothingDue;
  return target > book.usedGranules ? target - book.usedGranules : 0;
}

void giveBack(Granule first, std::uint32_t granules) noexcept {
  book.markFree(first, granules);
  book.fileFree(first, granules);
}

std::uint32_t placedUnit(Use use, std::uint32_t granules, bool holesToo) noexcept {
  return use == Use::kSmall ? book.lists.fullestSmall(holesToo) : book.lists.bestMedium(granules, holesToo);
}

// Of a unit that has room, but holes: one without, be it a fresh one.
[[gnu::noinline]] std::uint32_t passOver(Use use, std::uint32_t granules, std::uint32_t holes,
                                         std::uint32_t* apart) noexcept {
  if (const std::uint32_t whole = placedUnit(use, granules, false); whole != 0) return whole;
  if (apart == nullptr || !wantsHugeUnits()) return holes;
  const std::uint32_t opened = openUnit(use, apart);
  if (opened == 0 && *apart == 0) return holes;
  growth.notePassedOver(kUnitBytes);
  return opened;
}

// As openUnit().
std::uint32_t chooseUnit(Use use, std::uint32_t granules, std::uint32_t* apart) noexcept {
  const std::uint32_t number = placedUnit(use, granules, true);
  if (number == 0) return openUnit(use, apart);
  return hasHoles(number) && growth.passesOver() ? passOver(use, granules, number, apart) : number;
}

// Makes what was set apart huge; false: nothing was.
bool makeHuge(std::uint32_t apart, Use use) noexcept {
  if (apart == 0) return false;
  const bool huge = faultHuge(apart);
  base::MutexGuard guard(book.lock);
  admit(apart, use, huge);
  return true;
}

std::uint32_t takeSmall(Granule* out, std::uint32_t wanted, std::uint64_t* keep,
                        std::uint32_t* apart) noexcept {
  base::MutexGuard guard(book.lock);
  if (!ready() || !limitAllows(1)) return 0;
  while (wanted > 1 && !limitAllows(wanted)) --wanted;
  const std::uint32_t number = chooseUnit(Use::kSmall, 1, apart);
  if (apart != nullptr && *apart != 0) return 0;
  if (number == 0) {
    const Span hole = takeHole(1, 1);
    out[0] = hole.first;
    return hole.first == kNoGranule ? 0 : 1;
  }
  Unit& unit = unitByNumber(number);
  std::uint32_t taken = 0;
  for (; taken < wanted; ++taken) {
    const std::uint64_t freeBits = ~unit.used.load(std::memory_order_relaxed) & kAllGranules;
    if (freeBits == 0) break;
    const std::uint64_t warm = freeBits & unit.backed.load(std::memory_order_relaxed);
    const auto bit = static_cast<std::uint32_t>(__builtin_ctzll(warm != 0 ? warm : freeBits));
    out[taken] = (number << kUnitGranulesShift) + bit;
    book.markUsed(out[taken], 1);
  }
  book.lists.refile(number);
  ++book.takes;
  *keep = settle(taken);
  return taken;
}

Span takeSpan(std::uint32_t granules, std::uint32_t alignment, std::uint64_t* keep,
              std::uint32_t* apart) noexcept {
  base::MutexGuard guard(book.lock);
  if (!ready() || !limitAllows(granules)) return {};
  if (granules <= kLargestMedium && alignment == 1) {
    const std::uint32_t number = chooseUnit(Use::kMedium, granules, apart);
    if (apart != nullptr && *apart != 0) return {};
    const Span span = number != 0 ? takeFromUnit(number, granules) : takeHole(granules, alignment);
    ++book.takes;
    if (span.first != kNoGranule) *keep = settle(granules);
    return span;
  }
  const Granule first = takeRun(granules, alignment);
  if (first == kNoGranule) return takeHole(granules, alignment);
  const Span span = spanOf(first, granules);
  ++book.takes;
  *keep = settle(granules);
  return span;
}

// What calls leave below the stack pointer may turn up in a frame of the program's, where it sleeps, and look
// there as if it were still within a call of ours: nobody could trim its heap (heap/asleep.h).
[[gnu::noinline]] void forgetCalls() noexcept {
  constexpr std::size_t kDeepest = 1024;  // bytes; of a call that does not purge
  unsigned char below[kDeepest];
  std::memset(below, 0, sizeof below);
  __asm__ volatile("" : : "r"(below) : "memory");
}

bool growSpan(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed,
              std::uint64_t* keep) noexcept {
  base::MutexGuard guard(book.lock);
  const Granule end = first + granules;
  const std::uint32_t more = wanted - granules;
  if (!limitAllows(more)) return false;
  Unit& unit = unitOf(first);
  if (unit.use == Use::kNone) {
    if (!book.extents.takeAt(end, more)) return false;
    *zeroed = book.markUsed(end, more).zeroed;
    *keep = settle(more);
    return true;
  }
  const std::uint32_t bit = end % kUnitGranules;
  if (bit == 0 || bit + more > kUnitGranules) return false;
  if ((unit.used.load(std::memory_order_relaxed) & bitRun(bit, more)) != 0) return false;
  *zeroed = book.markUsed(end, more).zeroed;
  book.lists.refile(first >> kUnitGranulesShift);
  *keep = settle(more);
  return true;
}

}  // namespace

bool initialise() noexcept {
  base::MutexGuard guard(book.lock);
  return ready();
}

std::uint32_t allocateSmall(Granule* out, std::uint32_t wanted) noexcept {
  std::uint64_t keep = kNothingDue;
  std::uint32_t apart = 0;
  std::uint32_t taken = takeSmall(out, wanted, &keep, &apart);
  if (makeHuge(apart, Use::kSmall)) taken = takeSmall(out, wanted, &keep, nullptr);
  if (taken == 0 && waitForBatch()) taken = takeSmall(out, wanted, &keep, nullptr);
  purgeDue(keep);
  forgetCalls();
  return taken;
}

Span allocate(std::uint32_t granules, std::uint32_t alignment) noexcept {
  std::uint64_t keep = kNothingDue;
  std::uint32_t apart = 0;
  Span span = takeSpan(granules, alignment, &keep, &apart);
  if (makeHuge(apart, Use::kMedium)) span = takeSpan(granules, alignment, &keep, nullptr);
  if (span.first == kNoGranule && waitForBatch()) span = takeSpan(granules, alignment, &keep, nullptr);
  purgeDue(keep);
  forgetCalls();
  return span;
}

void release(Granule first, std::uint32_t granules) noexcept {
  const base::ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  {
    base::MutexGuard guard(book.lock);
    giveBack(first, granules);
    keep = settle(granules);
  }
  purgeDue(keep);
  forgetCalls();
}

void releaseSmall(const Granule* granules, std::uint32_t count) noexcept {
  const base::ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  {
    base::MutexGuard guard(book.lock);
    for (std::uint32_t i = 0; i < count; ++i) giveBack(granules[i], 1);
    keep = settle(count);
  }
  purgeDue(keep);
  forgetCalls();
}

bool growInPlace(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed) noexcept {
  const base::ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  const bool grown = growSpan(first, granules, wanted, zeroed, &keep);
  purgeDue(keep);
  return grown;
}

void shrinkInPlace(Granule first, std::uint32_t granules, std::uint32_t kept) noexcept {
  release(first + kept, granules - kept);
}

void postponeHelper() noexcept {
  base::MutexGuard guard(book.lock);
  helperFromUsed = book.usedGranules + kHelperStep;
}

std::uint64_t activity() noexcept {
  base::MutexGuard guard(book.lock);
  return book.calls;
}

Totals totals() noexcept {
  base::MutexGuard guard(book.lock);
  Totals sums = {};
  sums.usedGranules = book.usedGranules;
  sums.freeBackedGranules = book.freeBackedGranules;
  for (std::size_t i = 0; i < regionCount(); ++i) {
    sums.committedGranules += regionAt(i).committed.load(std::memory_order_relaxed);
  }
  sums.purgedBytes = book.purgedBytes;
  sums.refaultedGranules = book.refaultedGranules;
  return sums;
}

Held prepareFork() noexcept {
  noteFork();
  book.lock.lock();
  return {book.usedGranules, book.freeBackedGranules, book.calls};
}
void parentAfterFork() noexcept {
  book.lock.unlock();
}
void childAfterFork() noexcept {
  restartForming();
  pressureInChild();
  growthInChild();
  // Whoever had a batch out is not here. Its granules are free again, as backed: they may read as anything.
  if (book.out.count != 0) book.putBack(0);
  book.lock.reset();
  purgeLock.reset();
}

}  // namespace heapprof::pages
