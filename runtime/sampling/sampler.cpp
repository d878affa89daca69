// The sampler's one instance: what the heap calls (sampler.h) and what the dump reads (read.h), over the
// tables.
#include "runtime/sampling/sampler.h"

#include "runtime/base/errno_keeper.h"
#include "runtime/base/fatal.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/sampling/arena.h"
#include "runtime/sampling/clock.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/site_table.h"
#include "runtime/sampling/slab_list.h"
#include "runtime/sampling/stack_table.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {

constinit RecordTable records;
constinit SiteTable sites;
constinit Lane lanes[kLanes] = {};
constinit std::atomic<std::uint32_t> depth{kMaxFrames};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint64_t kDefaultCapBytes = std::uint64_t{64} << 20;

constinit Arena arena;
constinit StackTable stacks;
constinit std::atomic<std::uint64_t> interval{0};
constinit std::atomic<std::uint64_t> capOption{kDefaultCapBytes};
constinit std::atomic<std::uint64_t> doublings{0};
constinit std::atomic<std::uint64_t> lost{0};

std::uint64_t atMostLargest(std::uint64_t bytes) noexcept {
  return bytes < kLargestInterval ? bytes : kLargestInterval;
}

std::uint64_t usedBytes() noexcept {
  return records.carvedBytes() + arena.bytes();
}

// The cap is records= or 0.1% of the heap, whichever is more. At the cap the interval doubles, and again
// after each further eighth of it; at twice the cap records are refused. Eight doublings let the heap grow
// some 64-fold between the two. With sample=1 there is no cap.
bool withinBudget() noexcept {
  const std::uint64_t now = interval.load(kRelaxed);
  if (now <= 1) return true;
  const auto heapShare = static_cast<std::uint64_t>(sites.liveBytes() > 0 ? sites.liveBytes() / 1000 : 0);
  const std::uint64_t option = capOption.load(kRelaxed);
  const std::uint64_t cap = option > heapShare ? option : heapShare;
  const std::uint64_t used = usedBytes();
  if (used < cap) return true;
  if (used >= 2 * cap) return false;
  std::uint64_t done = doublings.load(kRelaxed);
  const std::uint64_t due = (used - cap) * 8 / cap + 1;
  if (done < due && now < kLargestInterval && doublings.compare_exchange_strong(done, done + 1, kRelaxed)) {
    std::uint64_t expected = now;
    interval.compare_exchange_strong(expected, atMostLargest(now * 2), kRelaxed);
  }
  return true;
}

[[gnu::noinline]] const Stack* takeStack(const void* frame, std::uint32_t most) noexcept {
  CapturedStack captured;
  captureStack(frame, most, &captured);
  const Stack* stack = stacks.intern(arena, captured.frames, captured.count, captured.failure);
  rememberStack(captured, stack);
  return stack;
}

SiteNode* lostSite(const Allocation& allocation) noexcept {
  countLost(allocation.interval);
  return nullptr;
}

bool mayTakeRecord(const Lane& lane) noexcept {
  return lane.stocked.load(kRelaxed) != 0 || !records.freeListEmpty() || withinBudget();
}

// The seldom ways to come and to go.
[[gnu::noinline]] void leaveSite(const RecordSlot& slot, Departure why) noexcept {
  sites.gone(*slot.site.load(kRelaxed), {slot.requested.load(kRelaxed), slot.interval.load(kRelaxed)}, why,
             0);
}

}  // namespace

void countLost(std::uint64_t recordInterval) noexcept {
  const std::uint64_t before = lost.fetch_add(1, kRelaxed);
  if (recordInterval != 1 || before != 0) return;
  interval.store(0, kRelaxed);
  base::logLine("no memory for more samples: sample=1 stops here, later allocations are not recorded");
}

RecordId takeFromTable() noexcept {
  const base::ErrnoKeeper keeper;
  return records.take();
}

std::uint64_t intervalBytes() noexcept {
  return interval.load(kRelaxed);
}

void setIntervalBytes(std::uint64_t bytes) noexcept {
  interval.store(atMostLargest(bytes), kRelaxed);
}

double liveBytesEstimate() noexcept {
  return sites.liveBytes();
}

std::uint64_t now() noexcept {
  return clockNanos();
}

// Walks and new sites are rare, and may change errno; all else about births does not.
SiteNode* siteOfUnknown(const Allocation& allocation, const void* frame, Recognised known) noexcept {
  const base::ErrnoKeeper keeper;
  SiteNode* site = nullptr;
  if (known.stack != nullptr) {
    site = sites.find(arena, known, allocation.allocated, allocation.kind, allocation.interval);
  } else if (const Stack* stack = takeStack(frame, depth.load(kRelaxed)); stack != nullptr) {
    site = sites.find(arena, stack, allocation.allocated, allocation.kind, allocation.interval);
  }
  return site != nullptr ? site : lostSite(allocation);
}

SiteNode* siteOf(const Lane& lane, const Allocation& allocation, const void* frame) noexcept {
  if (!mayTakeRecord(lane)) return lostSite(allocation);
  return siteOfStack(allocation, frame);
}

RecordId record(Lane& lane, const Allocation& allocation, SiteNode* site, std::uint64_t bornNanos) noexcept {
  return recordHere(lane, allocation, site, bornNanos);
}

void forget(Lane& lane, RecordId id, std::uint64_t diedNanos) noexcept {
  forgetHere(lane, id, lookAt(records.slot(id), diedNanos));
}

void lose(Lane& lane, RecordId id) noexcept {
  RecordSlot& slot = records.slot(id);
  const std::uint64_t recordInterval = slot.interval.load(kRelaxed);
  leaveSite(slot, Departure::kThinned);
  giveRecord(lane, id, slot);
  countLost(recordInterval);
}

// A realloc in place that changes the allocated size is a free of the old size and an allocation of the new
// one, as it would be had the block moved; the birth stays. One sampled object of s1 bytes stays a sample of
// s2 < s1 bytes with p(s2)/p(s1); of s2 > s1 bytes always, the unsampled ones joining it with
// 1-exp(-(s2-s1)/T).
RecordId resize(Lane& lane, RecordId id, std::size_t requested, std::size_t allocated,
                base::Random& random) noexcept {
  const base::ErrnoKeeper keeper;
  RecordSlot& slot = records.slot(id);
  RecordFields fields = records.own(id);
  if (allocated == fields.allocated) {
    sites.requestedChanged(*fields.site, {fields.requested, fields.interval}, requested);
    fields.requested = requested;
    records.write(id, fields);
    return id;
  }
  bool stays = true;
  if (allocated < fields.allocated) {
    const double keep =
        sampleProbability(allocated, fields.interval) / sampleProbability(fields.allocated, fields.interval);
    stays = keep >= 1 || random.unit() <= keep;
  }
  SiteNode* site =
      stays ? sites.find(arena, fields.site->stack, allocated, fields.kind, fields.interval) : nullptr;
  leaveSite(slot, Departure::kResized);
  if (site == nullptr) {
    giveRecord(lane, id, slot);
    if (stays) countLost(fields.interval);
    return 0;
  }
  fields.requested = requested;
  fields.allocated = allocated;
  fields.site = site;
  records.write(id, fields);
  sites.born(*site, {requested, fields.interval}, now());
  return id;
}

void initialise() noexcept {
  const config::Options& options = config::options();
  depth.store(options.depth < kMaxFrames ? options.depth : std::uint32_t{kMaxFrames}, kRelaxed);
  capOption.store(options.recordsBytes, kRelaxed);
  initialiseUnwinder(options.unwinder);
  initialiseClock();
  std::uint64_t off = 0;
  if (options.active) interval.compare_exchange_strong(off, atMostLargest(options.sampleBytes), kRelaxed);
}

void lockTables() noexcept {
  for (Lane& lane : lanes) lane.lock.lock();
  arena.growthLock().lock();
  records.growthLock().lock();
  // Nobody forks in the middle of a sample but a handler, which has not come this far: its lane is locked.
  static_cast<void>(sites.figuresLock().lock());
}

void unlockTables() noexcept {
  sites.figuresLock().unlock();
  records.growthLock().unlock();
  arena.growthLock().unlock();
  for (Lane& lane : lanes) lane.lock.unlock();
}

void resetTableLocks() noexcept {
  sites.figuresLock().reset();
  records.growthLock().reset();
  arena.growthLock().reset();
  for (Lane& lane : lanes) lane.lock.reset();
}

void prepareFork() noexcept {
  prepareUnwinderFork();
}

void parentAfterFork() noexcept {
  unwinderAfterFork(false);
}

void childAfterFork() noexcept {
  unwinderAfterFork(true);
  clockAfterForkInChild();
}

void forEachSite(void (*visit)(void* context, const Site& site), void* context) noexcept {
  sites.forEach(visit, context);
}

void forEachLive(void (*visit)(void* context, const LiveRecord& record), void* context) noexcept {
  const RecordId end = records.end();
  for (RecordId id = 1; id < end; ++id) {
    RecordFields fields;
    if (!records.read(id, &fields)) continue;
    visit(context, LiveRecord{
                       .address = fields.address,
                       .requested = fields.requested,
                       .allocated = fields.allocated,
                       .siteId = fields.site->id,
                       .threadId = fields.threadId,
                       .bornNanos = fields.bornNanos,
                       .interval = fields.interval,
                       .alignment = fields.alignmentLog2 == 0 ? 0 : std::uint64_t{1} << fields.alignmentLog2,
                       .kind = fields.kind,
                   });
  }
}

Statistics statistics() noexcept {
  std::uint64_t born = 0;
  std::uint64_t gone = 0;
  for (const Lane& lane : lanes) {
    gone += lane.gone.load(kRelaxed);
    born += lane.born.load(kRelaxed);
  }
  return Statistics{
      .liveRecords = born > gone ? born - gone : 0,
      .recordsEver = born,
      .lostRecords = lost.load(kRelaxed),
      .intervalDoublings = doublings.load(kRelaxed),
      .stacks = stacks.size(),
      .sites = sites.size(),
      .peakBytes = sites.peakBytes(),
      .peakNanos = sites.peakNanos(),
      .unwinder = unwinderName(),
      .unwinderNote = unwinderNote(),
  };
}

void resetCumulative() noexcept {
  sites.resetCumulative(now());
}

}  // namespace heapprof::sampling
