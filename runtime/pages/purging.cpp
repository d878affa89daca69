#include "runtime/pages/purging.h"

#include <cerrno>

#include "runtime/os/os.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/pressure.h"
#include "runtime/pages/scores.h"

extern char** environ;

namespace heapprof::pages {

constinit base::Mutex purgeLock;

namespace {

// What the helper leaves: it comes by anyway, and what was part of a huge page is resident to the last byte.
constexpr std::uint64_t kCrumbs = kLittle / 4;
constexpr std::uint64_t kSecond = 1'000'000'000;
// Windows of Demand for which the helper keeps what was in use.
constexpr std::uint64_t kPatience = 2;

// limit=: so many granules are handed out at most; 0: there is none.
std::uint64_t limitGranules() noexcept {
  return environ == nullptr ? 0 : config::options().limitBytes >> kGranuleShift;
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

struct Want {
  Reach reach;
  PurgeReason reason;
};

Want wantOf(Pressure pressure, Want otherwise) noexcept {
  switch (pressure) {
    case Pressure::kLimit:
      return {Reach::kPressed, PurgeReason::kLimit};
    case Pressure::kStalls:
      return {Reach::kPressed, PurgeReason::kPressure};
    case Pressure::kNone:
      break;
  }
  return otherwise;
}

}  // namespace

config::PurgeRule purgeRule() noexcept {
  if (environ == nullptr) return {};
  const config::PurgeRule rule = config::options().purge;
  if (rule.mode == config::PurgeMode::kAfter) book.demand.cover(rule.seconds * kSecond);
  return rule;
}

std::uint64_t awaited(config::PurgeMode mode) noexcept {
  if (mode != config::PurgeMode::kAuto) return book.usedGranules;
  return larger(book.usedGranules, book.rhythm.awaited(book.nowNanos));
}

bool limitAllows(std::uint32_t granules) noexcept {
  const std::uint64_t limit = limitGranules();
  if (limit == 0 || book.usedGranules + granules <= limit) return true;
  errno = ENOMEM;
  return false;
}

std::uint64_t keepForLimit() noexcept {
  const std::uint64_t ours = limitGranules() / 8 * 7;
  const bool mayPurge = environ == nullptr || config::options().purge.mode != config::PurgeMode::kNever;
  const std::uint64_t cgroups = mayPurge ? nearGranules() : kNothingDue;
  const std::uint64_t near = ours != 0 && ours < cgroups ? ours : cgroups;
  const std::uint64_t held = book.usedGranules + book.freeBackedGranules;
  if (held <= near) return kNothingDue;
  if (held > cgroups) noteNear();
  const std::uint64_t keep = near > book.usedGranules ? near - book.usedGranules : 0;
  return book.freeBackedGranules > keep + kLittle || (keep == 0 && book.freeBackedGranules != 0)
             ? keep
             : kNothingDue;
}

void purgeDue(std::uint64_t keep) noexcept {
  if (keep == kNothingDue || !purgeLock.tryLock()) return;
  const base::ErrnoKeeper keeper;
  bool nearLimit = false;
  {
    base::MutexGuard guard(book.lock);
    nearLimit = keepForLimit() != kNothingDue;
  }
  const Want want = nearLimit ? Want{Reach::kPressed, PurgeReason::kLimit}
                              : wantOf(pressure(), {Reach::kSparing, PurgeReason::kDemand});
  purgeDownTo(keep, want.reach, want.reason);
  purgeLock.unlock();
}

bool waitForBatch() noexcept {
  {
    base::MutexGuard guard(book.lock);
    if (book.outGranules == 0) return false;
  }
  base::MutexGuard wait(purgeLock);
  return true;
}
std::uint64_t purge(std::uint64_t keepBytes) noexcept {
  const base::ErrnoKeeper keeper;
  base::MutexGuard guard(purgeLock);
  return purgeDownTo(keepBytes >> kGranuleShift, Reach::kAll, PurgeReason::kApi);
}

void watchLimits() noexcept {
  const base::ErrnoKeeper keeper;
  const Totals held = totals();
  watchPressure(os::calls().monotonicNanos(), held.usedGranules + held.freeBackedGranules);
}

namespace {

// What trimming ended in the last rounds, which the windows of Demand still show as in use.
std::uint64_t noteEnded(std::uint64_t granules) noexcept {
  constexpr unsigned kRounds = 3;                       // of 0.2 s: at least kPatience windows
  static constinit std::uint64_t rounds[kRounds] = {};  // the helper's own
  std::uint64_t sum = granules;
  for (unsigned i = kRounds - 1; i > 0; --i) sum += rounds[i] = rounds[i - 1];
  rounds[0] = granules;
  return sum;
}

// The most that was in use of late, but for what trimming ended.
std::uint64_t neededOfLate(std::uint64_t windows, std::uint64_t ended) noexcept {
  const std::uint64_t most = book.demand.highest(windows);
  return most - book.usedGranules > ended ? most - ended : book.usedGranules;
}

}  // namespace

bool keepUp(std::uint64_t endedGranules) noexcept {
  const base::ErrnoKeeper keeper;
  const std::uint64_t ended = noteEnded(endedGranules);
  std::uint64_t keep = 0;
  bool excess = false;
  const Pressure pressed = pressure();
  {
    base::MutexGuard guard(book.lock);
    if (regionCount() == 0) return false;
    const config::PurgeRule rule = purgeRule();
    if (rule.mode == config::PurgeMode::kNever) return false;
    book.nowNanos = os::calls().monotonicNanos();
    book.noteUse();
    const std::uint64_t windows = rule.mode == config::PurgeMode::kEager ? 1
                                  : rule.mode == config::PurgeMode::kAfter
                                      ? book.demand.windowsFor(rule.seconds * kSecond)
                                      : kPatience;
    const bool still = book.takes == book.takesSeen;
    book.takesSeen = book.takes;
    // As long as granules are asked for, no less is kept than the page layer itself would keep.
    const std::uint64_t most =
        larger(rule.mode == config::PurgeMode::kAuto && !still
                   ? book.demand.target()
                   : neededOfLate(windows, rule.mode == config::PurgeMode::kAfter ? 0 : ended),
               awaited(rule.mode));
    keep = pressed != Pressure::kNone ? kCrumbs : most - book.usedGranules + kCrumbs;
    excess = book.freeBackedGranules > kCrumbs;
  }
  if (!excess) return false;
  base::MutexGuard guard(purgeLock);
  bool exhausted = false;
  const Want want = wantOf(pressed, {Reach::kIdle, PurgeReason::kDemand});
  purgeDownTo(keep, want.reach, want.reason, &exhausted);
  return !exhausted;  // what is left lies in huge pages that stay whole
}

}  // namespace heapprof::pages
