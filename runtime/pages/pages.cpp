#include "runtime/pages/pages.h"

#include <errno.h>

#include "runtime/base/fatal.h"
#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/book.h"

extern char** environ;

namespace heapprof::pages {

constinit Book book;

namespace {

// The clock is read for long spans and for every kQuietCalls-th other call.
constexpr std::uint32_t kQuietCalls = 16;

class ErrnoKeeper {
 public:
  ErrnoKeeper() noexcept : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

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

enum class Growth : std::uint8_t { kDone, kNoRoom, kRefused };

// Makes `granules` more free in one piece, aligned. kRefused: the region has room, but the kernel gives no
// memory for it.
Growth growRegion(Region& region, std::uint32_t granules, std::uint32_t alignment) noexcept {
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
  if (fresh > 0) book.extents.give(first, fresh);
  return Growth::kDone;
}

Granule takeRun(std::uint32_t granules, std::uint32_t alignment) noexcept {
  const bool isLong = granules > kUnitGranules && alignment == 1;
  Granule first = isLong ? book.extents.takeWarm(granules) : book.extents.take(granules, alignment);
  bool refused = false;
  for (std::size_t i = 0; first == kNoGranule && i < regionCount(); ++i) {
    const Growth growth = growRegion(regionAt(i), granules, alignment);
    if (growth == Growth::kDone) first = book.extents.take(granules, alignment);
    refused |= growth == Growth::kRefused;
  }
  if (first != kNoGranule) return first;
  // Memory is short, not address space: it would be refused in another region too, which would stay behind.
  if (refused) return kNoGranule;
  const std::uint32_t slack = alignment > kUnitGranules ? alignment : 0;
  if (granules + slack < granules) return kNoGranule;
  Region* region = reserveAnotherRegion(granules + slack);
  if (region == nullptr || growRegion(*region, granules, alignment) != Growth::kDone) return kNoGranule;
  return book.extents.take(granules, alignment);
}

Span takeFromUnit(std::uint32_t number, std::uint32_t granules) noexcept {
  Unit& unit = unitByNumber(number);
  const unsigned bit = UnitLists::findRun(unit.used.load(std::memory_order_relaxed),
                                          unit.backed.load(std::memory_order_relaxed), granules);
  if (bit == kUnitGranules) base::fatal("pages: a unit was filed under a run that it does not have");
  const Granule first = (number << kUnitGranulesShift) + bit;
  const bool zeroed = book.markUsed(first, granules);
  book.lists.refile(number);
  return {first, granules, zeroed};
}

// A fresh unit for this use, or 0.
std::uint32_t openUnit(Use use) noexcept {
  const Granule first = takeRun(kUnitGranules, kUnitGranules);
  if (first == kNoGranule) return 0;
  const std::uint32_t number = first >> kUnitGranulesShift;
  book.lists.add(number, use);
  return number;
}

// When not even one unit can be had, any hole will do.
Span takeHole(std::uint32_t granules, std::uint32_t alignment) noexcept {
  const Granule first = book.extents.take(granules, alignment);
  if (first != kNoGranule) return {first, granules, book.markUsed(first, granules)};
  if (alignment == 1 && granules <= kUnitGranules) {
    const std::uint32_t unit = book.lists.bestMedium(granules);
    if (unit != 0) return takeFromUnit(unit, granules);
  }
  errno = ENOMEM;
  return {};
}

void settle(std::uint32_t granules) noexcept {
  if (granules < kQuietCalls && ++book.quietCalls < kQuietCalls) return;
  book.quietCalls = 0;
  book.nowNanos = os::calls().monotonicNanos();
  book.demand.note(book.nowNanos, book.usedGranules);
  const std::uint64_t target = book.demand.target();
  if (book.usedGranules + book.freeBackedGranules > target) {
    book.purgeDownTo(target > book.usedGranules ? target - book.usedGranules : 0);
  }
}

void giveBack(Granule first, std::uint32_t granules) noexcept {
  const std::uint32_t number = first >> kUnitGranulesShift;
  book.markFree(first, granules);
  Unit& unit = unitByNumber(number);
  if (unit.use == Use::kNone) {
    book.extents.give(first, granules);
    return;
  }
  if (unit.used.load(std::memory_order_relaxed) == 0) {
    book.lists.remove(number);
    book.extents.give(number << kUnitGranulesShift, kUnitGranules);
  } else {
    book.lists.refile(number);
  }
}

}  // namespace

bool initialise() noexcept {
  base::MutexGuard guard(book.lock);
  return ready();
}

std::uint32_t allocateSmall(Granule* out, std::uint32_t wanted) noexcept {
  base::MutexGuard guard(book.lock);
  if (!ready()) return 0;
  std::uint32_t number = book.lists.fullestSmall();
  if (number == 0) number = openUnit(Use::kSmall);
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
  settle(taken);
  return taken;
}

Span allocate(std::uint32_t granules, std::uint32_t alignment) noexcept {
  base::MutexGuard guard(book.lock);
  if (!ready()) return {};
  if (granules <= kLargestMedium && alignment == 1) {
    std::uint32_t number = book.lists.bestMedium(granules);
    if (number == 0) number = openUnit(Use::kMedium);
    const Span span = number != 0 ? takeFromUnit(number, granules) : takeHole(granules, alignment);
    if (span.first != kNoGranule) settle(granules);
    return span;
  }
  const Granule first = takeRun(granules, alignment);
  if (first == kNoGranule) return takeHole(granules, alignment);
  const Span span = {first, granules, book.markUsed(first, granules)};
  settle(granules);
  return span;
}

void release(Granule first, std::uint32_t granules) noexcept {
  const ErrnoKeeper keeper;
  base::MutexGuard guard(book.lock);
  giveBack(first, granules);
  settle(granules);
}

void releaseSmall(const Granule* granules, std::uint32_t count) noexcept {
  const ErrnoKeeper keeper;
  base::MutexGuard guard(book.lock);
  for (std::uint32_t i = 0; i < count; ++i) giveBack(granules[i], 1);
  settle(count);
}

bool growInPlace(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed) noexcept {
  const ErrnoKeeper keeper;
  base::MutexGuard guard(book.lock);
  const Granule end = first + granules;
  const std::uint32_t more = wanted - granules;
  Unit& unit = unitOf(first);
  if (unit.use == Use::kNone) {
    if (!book.extents.takeAt(end, more)) return false;
    *zeroed = book.markUsed(end, more);
    settle(more);
    return true;
  }
  const std::uint32_t bit = end % kUnitGranules;
  if (bit == 0 || bit + more > kUnitGranules) return false;
  if ((unit.used.load(std::memory_order_relaxed) & bitRun(bit, more)) != 0) return false;
  *zeroed = book.markUsed(end, more);
  book.lists.refile(first >> kUnitGranulesShift);
  settle(more);
  return true;
}

void shrinkInPlace(Granule first, std::uint32_t granules, std::uint32_t kept) noexcept {
  release(first + kept, granules - kept);
}

std::uint64_t purge(std::uint64_t keepBytes) noexcept {
  const ErrnoKeeper keeper;
  base::MutexGuard guard(book.lock);
  return book.purgeDownTo(keepBytes >> kGranuleShift);
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

void prepareFork() noexcept {
  book.lock.lock();
}
void parentAfterFork() noexcept {
  book.lock.unlock();
}
void childAfterFork() noexcept {
  book.lock.reset();
}

}  // namespace heapprof::pages
