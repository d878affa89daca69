#include "runtime/heap/upkeep.h"

#include <time.h>

#include "runtime/config/options.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"
#include "runtime/heap/trim.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kRoundNanos = 200'000'000;
// Without work and without activity, until it sleeps for good.
constexpr std::uint32_t kQuietRounds = 3;
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

// Slabs looked at between two moments at which others may have their heaps back.
constexpr std::uint32_t kSliceSlabs = 128;

class Pass {
 public:
  explicit Pass(bool evenMoved) noexcept
      : discards_(evenMoved ? pages::PurgeReason::kApi : pages::PurgeReason::kTrim) {
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
    returnBorrowed(heaps_);
    unlockUpkeep();
    discards_.notePass();
    endPass();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  bool hasHeaps() const noexcept { return heaps_ != nullptr; }
  std::uint64_t advisedBytes() const noexcept { return discards_.advisedBytes(); }

  // False: the heaps are wanted back.
  bool visit(Slab* slab) noexcept {
    Heap* heap = ownerOf(slab->owner.load(std::memory_order_relaxed));
    // Of a heap that is not borrowed nothing but the owner word may be looked at.
    if (heap == nullptr || !heap->borrowed) return true;
    if (slab->kind == SlabKind::kSlab) trim(*heap, *slab, discards_);
    if (++sliceSlabs_ < kSliceSlabs) return true;
    endSlice();
    unlockUpkeep();  // fork, and whoever wants a heap, get in here
    lockUpkeep();
    return !heapsAreWanted();
  }

 private:
  // What was advised must be done before a slab can be handed on.
  void endSlice() noexcept {
    discards_.flush();
    sliceSlabs_ = 0;
  }

  Heap* heaps_;
  Discards discards_;
  std::uint32_t sliceSlabs_ = 0;
};

}  // namespace

std::uint64_t trimEverything(bool evenMoved) noexcept {
  Pass pass(evenMoved);
  if (!pass.hasHeaps()) return 0;
  for (std::size_t r = 0; r < pages::regionCount(); ++r) {
    const pages::Region& region = pages::regionAt(r);
    const pages::Granule end = region.first + region.committed.load(std::memory_order_acquire);
    for (pages::Granule at = region.first; at < end; ++at) {
      if (!pass.visit(slabAt(at))) return pass.advisedBytes();
    }
  }
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
  if (rule.mode == config::PurgeMode::kAfter &&
      now - lastNanos < rule.seconds * std::uint64_t{1'000'000'000}) {
    return false;
  }
  lastNanos = now;
  return true;
}

}  // namespace

std::uint64_t keepUp() noexcept {
  static constinit std::uint64_t lastActivity = 0;  // the helper's own, as is the next
  static constinit std::uint32_t quietRounds = 0;
  const std::uint64_t now = os::calls().monotonicNanos();
  if (startedNanos == 0) startedNanos = now;
  if (const std::uint64_t pause = overspent(now); pause != 0)
    return pause > kRoundNanos ? pause : kRoundNanos;
  const std::uint64_t activityNow = activity();
  bool busy = activityNow != lastActivity;
  lastActivity = activityNow;
  if (trimIsDue(now) && trimEverything(false) != 0) busy = true;
  if (pages::keepUp()) busy = true;
  quietRounds = busy ? 0 : quietRounds + 1;
  // Set one round before the last look: whoever makes work later rings.
  os::sleepsForGood.store(quietRounds >= kQuietRounds, std::memory_order_seq_cst);
  return quietRounds > kQuietRounds ? 0 : kRoundNanos;
}

}  // namespace heapprof::heap
