#include "runtime/pages/pages.h"

#include <errno.h>

#include "runtime/base/fatal.h"
#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/pages/book.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/scores.h"

extern char** environ;

namespace heapprof::pages {

constinit Book book;
// Held by whoever has a batch out, across its system calls, so always taken before the page lock; and around
// the collapse of a unit.
constinit base::Mutex purgeLock;

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

constexpr std::uint64_t kNothingDue = ~std::uint64_t{0};
// The helper thread is wanted from here on.
constexpr std::uint64_t kHelperGranules = (std::uint64_t{8} << 20) >> kGranuleShift;
// Not worth a call to the kernel.
constexpr std::uint64_t kLittle = (std::uint64_t{1} << 20) >> kGranuleShift;

constexpr std::uint64_t kSecond = 1'000'000'000;

// Page lock held: the books must look back as far as the rule says.
config::PurgeRule purgeRule() noexcept {
  if (environ == nullptr) return {};
  const config::PurgeRule rule = config::options().purge;
  if (rule.mode == config::PurgeMode::kAfter) book.demand.cover(rule.seconds * kSecond);
  return rule;
}

// How many free, backed granules may stay; kNothingDue: as many as there are.
std::uint64_t settle(std::uint32_t granules) noexcept {
  os::noteWork();
  ++book.calls;
  if (granules < kQuietCalls && ++book.quietCalls < kQuietCalls) return kNothingDue;
  book.quietCalls = 0;
  book.nowNanos = os::calls().monotonicNanos();
  const config::PurgeMode mode = purgeRule().mode;
  book.demand.note(book.nowNanos, book.usedGranules);
  if (book.usedGranules + book.freeBackedGranules >= kHelperGranules) os::wantHelper();
  if (mode == config::PurgeMode::kNever) return kNothingDue;
  if (mode == config::PurgeMode::kEager) return book.freeBackedGranules > kLittle ? kLittle : kNothingDue;
  const std::uint64_t target = book.demand.target();
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

// Adds what of the range is resident; a batch is at most 16 MiB, so the calls are few.
void countResident(std::uintptr_t start, std::size_t bytes, PurgePass* pass,
                   std::uint64_t* resident) noexcept {
  unsigned char pages[1024];
  const std::size_t page = os::pageBytes();
  while (bytes != 0 && pass->residencyKnown) {
    const std::size_t part = bytes < sizeof pages * page ? bytes : sizeof pages * page;
    if (!os::calls().residentPages(reinterpret_cast<void*>(start), part, pages)) {
      pass->residencyKnown = false;
      return;
    }
    for (std::size_t i = 0; i < part / page; ++i) *resident += (pages[i] & 1) * page;
    start += part;
    bytes -= part;
  }
}

// A part of a huge page frees nothing unless it is split first.
void breakEnds(const Batch::Run& run, PurgePass* pass) noexcept {
  const Granule last = run.first + run.granules - 1;
  for (Granule at = run.first; at <= last;) {
    const Granule next = (at | (kUnitGranules - 1)) + 1;
    Unit& unit = unitOf(at);
    if (at % kUnitGranules == 0 && next - 1 <= last) {
      forgetHuge(unit);
    } else if (breakUnit(unit, addressOf(at))) {
      ++pass->hugePagesBroken;
    }
    at = next;
  }
}

std::uint64_t discardOut(PurgePass* pass) noexcept {
  std::uint64_t discarded = 0;
  for (std::uint32_t i = 0; i < book.out.count; ++i) {
    const Batch::Run& run = book.out.runs[i];
    const std::uintptr_t start = addressOf(run.first);
    const std::size_t bytes = std::size_t{run.granules} << kGranuleShift;
    std::uint64_t resident = 0;
    countResident(start, bytes, pass, &resident);
    pass->advisedBytes += bytes;
    pass->residentBytes += resident;
    breakEnds(run, pass);
    if (!os::calls().discard(reinterpret_cast<void*>(start), bytes)) continue;
    pass->returnedBytes += resident;
    discarded |= std::uint64_t{1} << i;
  }
  return discarded;
}
static_assert(Batch::kMostRuns <= 64, "one bit a run");

// Discards free, backed granules, a batch at a time, until at most `keep` are left. Purge lock held, page
// lock not.
std::uint64_t purgeDownTo(std::uint64_t keep, Reach reach, PurgeReason reason,
                          bool* exhausted = nullptr) noexcept {
  std::uint64_t returned = 0;
  PurgePass pass;
  pass.startNanos = os::calls().monotonicNanos();
  pass.reason = reason;
  pass.keptBytes = keep << kGranuleShift;
  for (;;) {
    {
      base::MutexGuard guard(book.lock);
      book.nowNanos = os::calls().monotonicNanos();
      if (book.freeBackedGranules <= keep) break;
      if (!book.takeOut(book.freeBackedGranules - keep, reach)) {
        if (reach == Reach::kSparing) book.sparedGranules = book.freeBackedGranules;
        if (exhausted != nullptr) *exhausted = true;
        break;
      }
    }
    // `out` is read without the page lock: only who holds the purge lock writes it.
    const std::uint64_t discarded = discardOut(&pass);
    base::MutexGuard guard(book.lock);
    const bool all = discarded == bitRun(0, book.out.count);
    returned += book.putBack(discarded);
    if (!all) break;  // the kernel refuses
  }
  notePass(pass);
  return returned;
}

// After a call that found more free memory than is worth keeping. Somebody else may be at it already.
void purgeDue(std::uint64_t keep) noexcept {
  if (keep == kNothingDue || !purgeLock.tryLock()) return;
  const ErrnoKeeper keeper;
  purgeDownTo(keep, Reach::kSparing, PurgeReason::kDemand);
  purgeLock.unlock();
}

// Out of memory while a batch is out: what is in it may be what is missing. True: worth another try.
bool waitForBatch() noexcept {
  {
    base::MutexGuard guard(book.lock);
    if (book.outGranules == 0) return false;
  }
  base::MutexGuard wait(purgeLock);
  return true;
}

std::uint32_t takeSmall(Granule* out, std::uint32_t wanted, std::uint64_t* keep) noexcept {
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
  ++book.takes;
  *keep = settle(taken);
  return taken;
}

Span takeSpan(std::uint32_t granules, std::uint32_t alignment, std::uint64_t* keep) noexcept {
  base::MutexGuard guard(book.lock);
  if (!ready()) return {};
  if (granules <= kLargestMedium && alignment == 1) {
    std::uint32_t number = book.lists.bestMedium(granules);
    if (number == 0) number = openUnit(Use::kMedium);
    const Span span = number != 0 ? takeFromUnit(number, granules) : takeHole(granules, alignment);
    ++book.takes;
    if (span.first != kNoGranule) *keep = settle(granules);
    return span;
  }
  const Granule first = takeRun(granules, alignment);
  if (first == kNoGranule) return takeHole(granules, alignment);
  const Span span = {first, granules, book.markUsed(first, granules)};
  ++book.takes;
  *keep = settle(granules);
  return span;
}

bool growSpan(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed,
              std::uint64_t* keep) noexcept {
  base::MutexGuard guard(book.lock);
  const Granule end = first + granules;
  const std::uint32_t more = wanted - granules;
  Unit& unit = unitOf(first);
  if (unit.use == Use::kNone) {
    if (!book.extents.takeAt(end, more)) return false;
    *zeroed = book.markUsed(end, more);
    *keep = settle(more);
    return true;
  }
  const std::uint32_t bit = end % kUnitGranules;
  if (bit == 0 || bit + more > kUnitGranules) return false;
  if ((unit.used.load(std::memory_order_relaxed) & bitRun(bit, more)) != 0) return false;
  *zeroed = book.markUsed(end, more);
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
  std::uint32_t taken = takeSmall(out, wanted, &keep);
  if (taken == 0 && waitForBatch()) taken = takeSmall(out, wanted, &keep);
  purgeDue(keep);
  return taken;
}

Span allocate(std::uint32_t granules, std::uint32_t alignment) noexcept {
  std::uint64_t keep = kNothingDue;
  Span span = takeSpan(granules, alignment, &keep);
  if (span.first == kNoGranule && waitForBatch()) span = takeSpan(granules, alignment, &keep);
  purgeDue(keep);
  return span;
}

void release(Granule first, std::uint32_t granules) noexcept {
  const ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  {
    base::MutexGuard guard(book.lock);
    giveBack(first, granules);
    keep = settle(granules);
  }
  purgeDue(keep);
}

void releaseSmall(const Granule* granules, std::uint32_t count) noexcept {
  const ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  {
    base::MutexGuard guard(book.lock);
    for (std::uint32_t i = 0; i < count; ++i) giveBack(granules[i], 1);
    keep = settle(count);
  }
  purgeDue(keep);
}

bool growInPlace(Granule first, std::uint32_t granules, std::uint32_t wanted, bool* zeroed) noexcept {
  const ErrnoKeeper keeper;
  std::uint64_t keep = kNothingDue;
  const bool grown = growSpan(first, granules, wanted, zeroed, &keep);
  purgeDue(keep);
  return grown;
}

void shrinkInPlace(Granule first, std::uint32_t granules, std::uint32_t kept) noexcept {
  release(first + kept, granules - kept);
}

std::uint64_t purge(std::uint64_t keepBytes) noexcept {
  const ErrnoKeeper keeper;
  base::MutexGuard guard(purgeLock);
  return purgeDownTo(keepBytes >> kGranuleShift, Reach::kAll, PurgeReason::kApi);
}

std::uint64_t activity() noexcept {
  base::MutexGuard guard(book.lock);
  return book.calls;
}

namespace {

// Half of it back within a second: the pause was shorter than the program's rhythm. Page lock held.
void adaptPatience() noexcept {
  if (book.nowNanos - book.patienceNanos < Demand::kWindowNanos * 4) return;
  bool wrong = false;
  const bool known = recentlyWrong(book.nowNanos, &wrong);
  book.patienceNanos = book.nowNanos;
  if (known && wrong) {
    book.patience = book.patience * 2 < Demand::kWindows ? book.patience * 2 : Demand::kWindows;
  } else if (book.patience > Book::kLeastPatience) {
    --book.patience;
  }
}

}  // namespace

bool keepUp() noexcept {
  const ErrnoKeeper keeper;
  std::uint64_t keep = 0;
  bool excess = false;
  {
    base::MutexGuard guard(book.lock);
    if (!ready()) return false;
    const config::PurgeRule rule = purgeRule();
    if (rule.mode == config::PurgeMode::kNever) return false;
    book.nowNanos = os::calls().monotonicNanos();
    book.demand.note(book.nowNanos, book.usedGranules);
    const std::uint64_t windows = rule.mode == config::PurgeMode::kEager ? 1
                                  : rule.mode == config::PurgeMode::kAfter
                                      ? book.demand.windowsFor(rule.seconds * kSecond)
                                      : book.patience;
    const bool still = book.takes == book.takesSeen;
    book.takesSeen = book.takes;
    // As long as granules are asked for, no less is kept than the page layer itself would keep.
    const std::uint64_t most =
        still || rule.mode != config::PurgeMode::kAuto ? book.demand.highest(windows) : book.demand.target();
    keep = most - book.usedGranules + kLittle;
    adaptPatience();
    excess = book.freeBackedGranules > kLittle;
  }
  if (!excess) return false;
  base::MutexGuard guard(purgeLock);
  bool exhausted = false;
  purgeDownTo(keep, Reach::kIdle, PurgeReason::kDemand, &exhausted);
  return !exhausted;  // what is left lies in huge pages that stay whole
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
  noteFork();
  book.lock.unlock();
}
void childAfterFork() noexcept {
  noteFork();
  restartForming();
  // Whoever had a batch out is not here. Its granules are free again, as backed: they may read as anything.
  if (book.out.count != 0) book.putBack(0);
  book.lock.reset();
  purgeLock.reset();
}

}  // namespace heapprof::pages
