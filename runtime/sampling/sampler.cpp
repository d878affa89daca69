// The sampler's one instance: what the heap calls (sampler.h) and what the dump reads (read.h), over the
// tables.
#include "runtime/sampling/sampler.h"

#include <bit>
#include <errno.h>

#include "runtime/base/fatal.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/sampling/arena.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/site_table.h"
#include "runtime/sampling/slab_list.h"
#include "runtime/sampling/stack_table.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {

constinit RecordTable records;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint64_t kDefaultCapBytes = std::uint64_t{64} << 20;

constinit Arena arena;
constinit StackTable stacks;
constinit SiteTable sites;
constinit std::atomic<std::uint64_t> interval{0};
constinit std::atomic<std::uint32_t> depth{kMaxFrames};
constinit std::atomic<std::uint64_t> capOption{kDefaultCapBytes};
constinit std::atomic<std::uint64_t> doublings{0};
constinit std::atomic<std::uint64_t> recordsEver{0};
constinit std::atomic<std::uint64_t> liveRecords{0};
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

void countLost(std::uint64_t recordInterval) noexcept {
  const std::uint64_t before = lost.fetch_add(1, kRelaxed);
  if (recordInterval != 1 || before != 0) return;
  interval.store(0, kRelaxed);
  base::logLine("no memory for more samples: sample=1 stops here, later allocations are not recorded");
}

SampledObject objectOf(const RecordFields& fields) noexcept {
  return {fields.requested, fields.allocated, fields.interval};
}

RecordId makeRecord(const Allocation& allocation, const void* frame) noexcept {
  if (records.freeListEmpty() && !withinBudget()) return 0;
  CapturedStack captured;
  captureStack(frame, depth.load(kRelaxed), &captured);
  const Stack* stack = stacks.intern(arena, captured.frames, captured.count, captured.failure);
  if (stack == nullptr) return 0;
  SiteNode* site = sites.find(arena, stack, allocation.allocated, allocation.kind, allocation.interval);
  if (site == nullptr) return 0;
  const RecordId id = records.take();
  if (id == 0) return 0;

  const std::uint64_t now = os::calls().monotonicNanos();
  const RecordFields fields{
      .address = reinterpret_cast<std::uintptr_t>(allocation.address),
      .requested = allocation.requested,
      .allocated = allocation.allocated,
      .interval = allocation.interval,
      .bornNanos = now,
      .site = site,
      .threadId = static_cast<std::uint32_t>(os::threadId()),
      .kind = allocation.kind,
      .alignmentLog2 =
          static_cast<std::uint8_t>(allocation.alignment == 0 ? 0 : std::countr_zero(allocation.alignment)),
  };
  records.slot(id).next.store(0, kRelaxed);
  records.write(id, fields);
  sites.born(*site, objectOf(fields), now);
  return id;
}

void leaveSite(const RecordFields& fields, Departure why) noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  sites.gone(*fields.site, objectOf(fields), why, now > fields.bornNanos ? now - fields.bornNanos : 0);
}

void giveRecord(RecordId id, Departure why) noexcept {
  leaveSite(records.own(id), why);
  records.give(id);
  liveRecords.fetch_sub(1, kRelaxed);
}

}  // namespace

std::uint64_t intervalBytes() noexcept {
  return interval.load(kRelaxed);
}

void setIntervalBytes(std::uint64_t bytes) noexcept {
  interval.store(atMostLargest(bytes), kRelaxed);
}

RecordId record(const Allocation& allocation, const void* frame) noexcept {
  const int savedErrno = errno;
  const RecordId id = makeRecord(allocation, frame);
  if (id == 0) {
    countLost(allocation.interval);
  } else {
    recordsEver.fetch_add(1, kRelaxed);
    liveRecords.fetch_add(1, kRelaxed);
  }
  errno = savedErrno;
  return id;
}

void forget(RecordId id) noexcept {
  giveRecord(id, Departure::kDied);
}

void lose(RecordId id) noexcept {
  const std::uint64_t recordInterval = records.own(id).interval;
  giveRecord(id, Departure::kThinned);
  countLost(recordInterval);
}

// A realloc in place that changes the allocated size is a free of the old size and an allocation of the new
// one, as it would be had the block moved; the birth stays. One sampled object of s1 bytes stays a sample of
// s2 < s1 bytes with p(s2)/p(s1); of s2 > s1 bytes always, the unsampled ones joining it with
// 1-exp(-(s2-s1)/T).
RecordId resize(RecordId id, std::size_t requested, std::size_t allocated, base::Random& random) noexcept {
  const int savedErrno = errno;
  RecordFields fields = records.own(id);
  if (allocated == fields.allocated) {
    sites.requestedChanged(*fields.site, objectOf(fields), requested);
    fields.requested = requested;
    records.write(id, fields);
    return id;
  }
  if (allocated < fields.allocated) {
    const double keep =
        sampleProbability(allocated, fields.interval) / sampleProbability(fields.allocated, fields.interval);
    if (keep < 1 && random.unit() > keep) {
      giveRecord(id, Departure::kResized);
      return 0;
    }
  }
  SiteNode* site = sites.find(arena, fields.site->stack, allocated, fields.kind, fields.interval);
  if (site == nullptr) {
    giveRecord(id, Departure::kResized);
    countLost(fields.interval);
    errno = savedErrno;
    return 0;
  }
  leaveSite(fields, Departure::kResized);
  fields.requested = requested;
  fields.allocated = allocated;
  fields.site = site;
  records.write(id, fields);
  sites.born(*site, objectOf(fields), os::calls().monotonicNanos());
  errno = savedErrno;
  return id;
}

void initialise() noexcept {
  const config::Options& options = config::options();
  depth.store(options.depth < kMaxFrames ? options.depth : std::uint32_t{kMaxFrames}, kRelaxed);
  capOption.store(options.recordsBytes, kRelaxed);
  initialiseUnwinder(options.unwinder);
  std::uint64_t off = 0;
  if (options.active) interval.compare_exchange_strong(off, atMostLargest(options.sampleBytes), kRelaxed);
}

void prepareFork() noexcept {
  prepareUnwinderFork();
  arena.growthLock().lock();
  records.growthLock().lock();
}

void parentAfterFork() noexcept {
  records.growthLock().unlock();
  arena.growthLock().unlock();
  unwinderAfterFork(false);
}

void childAfterFork() noexcept {
  records.growthLock().reset();
  arena.growthLock().reset();
  unwinderAfterFork(true);
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
  return Statistics{
      .liveRecords = liveRecords.load(kRelaxed),
      .recordsEver = recordsEver.load(kRelaxed),
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
  sites.resetCumulative(os::calls().monotonicNanos());
}

}  // namespace heapprof::sampling
