#include "runtime/heap/upkeep.h"

#include "runtime/config/options.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slabs.h"
#include "runtime/heap/trim.h"
#include "runtime/heap/trim_own.h"
#include "runtime/heap/trim_unit.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/pressure.h"

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kRoundNanos = 200'000'000;
// Without work and without activity, until it sleeps for good.
constexpr std::uint32_t kQuietRounds = 3;
constexpr std::uint64_t kCreditNanos = 300'000'000;

// The helper's own. Forming has a budget of its own, and what dumps cost is not ours.
constinit std::uint64_t startedNanos = 0;
struct Budget {
  std::uint64_t share;  // one part in so many of the time that passes
  std::uint64_t spentNanos = 0;

  // Nanoseconds until what was spent is within bounds again.
  std::uint64_t overspent(std::uint64_t now) const noexcept {
    const std::uint64_t allowed = kCreditNanos + (now - startedNanos) / share;
    return spentNanos <= allowed ? 0 : (spentNanos - allowed) * share;
  }
};
constinit Budget everyday = {200};
// Near the cgroup's limit: being killed costs more.
constinit Budget pressed = {20};

// Slabs looked at between two moments at which others may have their heaps back.
constexpr std::uint32_t kSliceSlabs = 128;

class Pass {
 public:
  explicit Pass(bool evenMoved) noexcept
      : asked_(evenMoved), discards_(evenMoved ? pages::PurgeReason::kApi : pages::PurgeReason::kTrim) {
    beginPass();
    lockUpkeep();
    Heap* sleepers = borrowSleepers(evenMoved, nullptr);
    for (Heap* heap = sleepers; heap != nullptr; heap = heap->nextInPool) surrender(*heap);
    heaps_ = borrowParked();
    Heap** end = &heaps_;
    while (*end != nullptr) end = &(*end)->nextInPool;
    *end = sleepers;
  }
  ~Pass() {
    endSlice();
    returnBorrowed(heaps_, discards_.waits());
    unlockUpkeep();
    discards_.notePass();
    endPass();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  bool hasHeaps() const noexcept { return heaps_ != nullptr; }
  std::uint64_t advisedBytes() const noexcept { return discards_.advisedBytes(); }
  bool waits() const noexcept { return discards_.waits(); }

  // False: the heaps are wanted back.
  bool visit(pages::Granule unit) noexcept {
    sliceSlabs_ += trimUnit(unit, asked_, discards_);
    if (sliceSlabs_ < kSliceSlabs) return true;
    endSlice();
    if (heapsAreWanted()) return false;
    unlockUpkeep();  // fork gets in here
    lockUpkeep();
    return !heapsAreWanted();
  }

 private:
  // What was advised must be done before a slab can be handed on.
  void endSlice() noexcept {
    discards_.flush();
    sliceSlabs_ = 0;
  }

  bool asked_;
  Heap* heaps_;
  Discards discards_;
  std::uint32_t sliceSlabs_ = 0;
};

}  // namespace

std::uint64_t trimEverything(bool evenMoved, bool* waits) noexcept {
  Pass pass(evenMoved);
  if (!pass.hasHeaps()) return 0;
  for (std::size_t r = 0; r < pages::regionCount(); ++r) {
    const pages::Region& region = pages::regionAt(r);
    const pages::Granule end = region.first + region.committed.load(std::memory_order_acquire);
    for (pages::Granule at = region.first; at < end; at += pages::kUnitGranules) {
      if (!pass.visit(at)) return pass.advisedBytes();
    }
  }
  if (waits != nullptr) *waits = pass.waits();
  return pass.advisedBytes();
}

namespace {

// What happened in the heap and the page layer so far.
std::uint64_t activity() noexcept {
  std::uint64_t sum = pages::activity();
  for (const Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    sum += heap->ticks.load(std::memory_order_relaxed);
  }
  return sum;
}

// purge=SECONDS: sparse slabs wait as long as free granules do.
bool trimIsDue(std::uint64_t now) noexcept {
  static constinit std::uint64_t lastNanos = 0;  // the helper's own
  const config::PurgeRule rule = config::options().purge;
  if (rule.mode == config::PurgeMode::kNever) return false;
  if (rule.mode == config::PurgeMode::kAfter && pages::pressure() == pages::Pressure::kNone &&
      now - lastNanos < rule.seconds * std::uint64_t{1'000'000'000}) {
    return false;
  }
  lastNanos = now;
  return true;
}

}  // namespace

namespace {

constinit std::uint64_t nextRoundNanos = 0;  // the helper's own, as all of these
constinit std::uint64_t lastActivity = 0;
constinit std::uint32_t quietRounds = 0;

// Trims and purges. Returns the nanoseconds until the next round; 0: nothing to wait for.
std::uint64_t round(std::uint64_t now) noexcept {
  const bool limitIsDue = pages::limitIsDue();
  if (now < nextRoundNanos && !limitIsDue) return nextRoundNanos - now;  // woken for something else
  Budget& budget = limitIsDue || pages::pressure() == pages::Pressure::kLimit ? pressed : everyday;
  std::uint64_t pause = budget.overspent(now);
  if (pause == 0) {
    const std::uint64_t cpuBefore = os::threadCpuNanos();
    const std::uint64_t activityNow = activity();
    bool busy = activityNow != lastActivity;
    lastActivity = activityNow;
    bool waits = false;
    pages::watchLimits();
    const std::uint64_t used = pages::totals().usedGranules;
    if (trimIsDue(now) && trimEverything(false, &waits) != 0) busy = true;
    const std::uint64_t usedNow = pages::totals().usedGranules;
    busy = busy || waits;
    if (pages::pressure() != pages::Pressure::kNone) askHoldersToTrim();
    if (pages::keepUp(used > usedNow ? used - usedNow : 0)) busy = true;
    quietRounds = busy ? 0 : quietRounds + 1;
    budget.spentNanos += os::threadCpuNanos() - cpuBefore;
  }
  pause = pause > kRoundNanos ? pause : kRoundNanos;
  nextRoundNanos = now + pause;
  return quietRounds > kQuietRounds ? 0 : pause;
}

}  // namespace

std::uint64_t keepUp() noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  if (startedNanos == 0) startedNanos = now;
  const std::uint64_t forRound = round(now);
  // Set one round before the last look: whoever makes work later rings.
  os::sleepsForGood.store(quietRounds >= kQuietRounds, std::memory_order_seq_cst);
  const std::uint64_t forForming = pages::formHugePages(quietRounds != 0);
  if (forRound == 0 || forForming == 0) return forRound + forForming;
  return forRound < forForming ? forRound : forForming;
}

}  // namespace heapprof::heap
