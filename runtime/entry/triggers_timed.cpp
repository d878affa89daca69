// The triggers that the helper thread looks for on a clock: interval, growth, peak, near-limit.
//
// Nothing in the heap counts for them: the page layer's own total is read ten times a second, and not at all
// while the heap sleeps. What grows within free slots of slabs in use is no growth in that figure, nor in
// RSS.
#include "runtime/base/fatal.h"
#include "runtime/base/in_child.h"
#include "runtime/config/options.h"
#include "runtime/entry/helper.h"
#include "runtime/entry/triggers.h"
#include "runtime/heap/inspect.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/line_reader.h"
#include "runtime/os/bell.h"
#include "runtime/os/cgroup.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::entry {
namespace {

using introspect::Reason;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kHeapPollNanos = kSecond / 10;
// A program that faults 1 GiB/s goes through the last tenth of a 512 MiB limit in 50 ms.
constexpr std::uint64_t kLimitPollNanos = kSecond / 20;
constexpr std::uint64_t kFarFromLimitPollNanos = kSecond / 5;
constexpr std::uint64_t kLimitsAreReadEvery = 2 * kSecond;
// A peak counts when it is an eighth, and 8 MiB, above the last one that was dumped.
constexpr std::uint64_t kPeakShare = 8;
constexpr std::uint64_t kLeastPeakStep = std::uint64_t{8} << 20;
constexpr std::uint32_t kRearmPercent = 5;  // below the mark, until it may be passed again

// The helper's own, but for its reset in a forked child, before that has a helper.
struct Clockwork {
  std::uint64_t startedAt;  // 0: not yet
  std::uint64_t intervalAt;
  std::uint64_t trafficDumped;
  std::uint64_t heapAt, heapBytes, grownTo, peakDumped;
  std::uint64_t limitAt, limitsReadAt, limit;
  bool aboveMark;
  bool saidNoLimit;
};
constinit Clockwork clockwork = {};
constinit os::CgroupFile usageFile;  // of the level whose limit is nearest

std::uint64_t larger(std::uint64_t a, std::uint64_t b) noexcept {
  return a < b ? b : a;
}

std::uint64_t smaller(std::uint64_t a, std::uint64_t b) noexcept {
  return a < b ? a : b;
}

std::uint64_t heapBytes() noexcept {
  return pages::totals().usedGranules * pages::kGranuleBytes;
}

// Unchanged: no thread asked for anything that its bins did not hold.
std::uint64_t traffic() noexcept {
  std::uint64_t sum = pages::activity();
  heap::forEachHeap(
      [](void* context, const heap::HeapRow& row) {
        *static_cast<std::uint64_t*>(context) += row.allocatedBytes + row.freedBytes;
      },
      &sum);
  return sum;
}

void start(std::uint64_t now) noexcept {
  const bool saidNoLimit = clockwork.saidNoLimit;
  clockwork = {};
  clockwork.saidNoLimit = saidNoLimit;
  clockwork.startedAt = now;
  clockwork.intervalAt = now + config::options().dump.intervalSeconds * kSecond;
  clockwork.trafficDumped = ~std::uint64_t{0};
  clockwork.grownTo = clockwork.peakDumped = clockwork.heapBytes = heapBytes();
}

// Growth is a new high: a heap that breathes is dumped once, not at each breath. A peak waits until the heap
// has stopped growing for a moment, so that the dump shows the top and not the way up; but no longer than to
// double.
Reason heapReason(std::uint64_t now) noexcept {
  const config::DumpTriggers& dump = config::options().dump;
  if (dump.growthBytes == 0 && !dump.atPeak) return Reason::kUnknown;
  if (now < clockwork.heapAt) return Reason::kUnknown;
  clockwork.heapAt = now + kHeapPollNanos;
  const std::uint64_t bytes = heapBytes();
  const bool stopped = bytes <= clockwork.heapBytes;
  clockwork.heapBytes = bytes;
  if (dump.growthBytes != 0 && bytes >= clockwork.grownTo + dump.growthBytes) return Reason::kGrowth;
  const std::uint64_t step = larger(clockwork.peakDumped / kPeakShare, kLeastPeakStep);
  if (!dump.atPeak || bytes < clockwork.peakDumped + step) return Reason::kUnknown;
  return stopped || bytes >= 2 * clockwork.peakDumped + kLeastPeakStep ? Reason::kPeak : Reason::kUnknown;
}

double percentOf(std::uint64_t bytes, std::uint64_t limit) noexcept {
  return static_cast<double>(bytes) / static_cast<double>(limit) * 100;
}

// Which level binds, and its limit: now and then, and before a dump.
os::CgroupMemory readLimits(std::uint64_t now) noexcept {
  const os::CgroupMemory memory = os::readCgroupMemory({}, &usageFile);
  clockwork.limitsReadAt = now;
  clockwork.limit = memory.known ? memory.nearestBytes() : os::kNoLimit;
  if (clockwork.limit == os::kNoLimit && !clockwork.saidNoLimit) {
    base::logLine(
        "dump=near-limit: no memory limit is set for this process's cgroup; looking again every 2 s");
    clockwork.saidNoLimit = true;
  }
  return memory;
}

// One small file each time; what the kernel can drop is asked for only where the whole charge is above the
// mark, because memory.stat makes the kernel sum up all processors' counts.
bool isNearLimit(std::uint64_t now) noexcept {
  const std::uint32_t percent = config::options().dump.nearLimitPercent;
  if (percent == 0 || now < clockwork.limitAt) return false;
  if (clockwork.limitsReadAt == 0 || now - clockwork.limitsReadAt >= kLimitsAreReadEvery) readLimits(now);
  if (clockwork.limit == os::kNoLimit) {
    clockwork.limitAt = clockwork.limitsReadAt + kLimitsAreReadEvery;
    return false;
  }
  std::uint64_t used = 0;
  clockwork.limitAt = now + kFarFromLimitPollNanos;
  if (!introspect::readNumberFile(usageFile.path, &used)) return false;
  double share = percentOf(used, clockwork.limit);
  if (share >= percent) {
    const os::CgroupMemory memory = readLimits(now);
    if (clockwork.limit == os::kNoLimit) return false;
    share = percentOf(memory.unreclaimableBytes(), clockwork.limit);
  }
  if (share * 2 >= percent) clockwork.limitAt = now + kLimitPollNanos;
  if (share < percent - kRearmPercent) clockwork.aboveMark = false;
  if (share < percent || clockwork.aboveMark) return false;
  return clockwork.aboveMark = true;
}

// An interval in which nothing was asked of the heap says what the last dump said: no file.
bool isIntervalOver(std::uint64_t now) noexcept {
  const std::uint64_t interval = config::options().dump.intervalSeconds * kSecond;
  if (interval == 0 || now < clockwork.intervalAt) return false;
  clockwork.intervalAt += (now - clockwork.intervalAt) / interval * interval + interval;
  return traffic() != clockwork.trafficDumped;
}

// Whatever came of it: a disk that is full now is full in a tenth of a second too.
void dumpFor(Reason reason) noexcept {
  clockwork.trafficDumped = traffic();
  clockwork.grownTo = larger(clockwork.grownTo, clockwork.heapBytes);
  clockwork.peakDumped = larger(clockwork.peakDumped, clockwork.heapBytes);
  if (hasSomethingToDump()) introspect::dumpToTemplate(reason);
}

std::uint64_t untilNext(std::uint64_t now) noexcept {
  const config::DumpTriggers& dump = config::options().dump;
  std::uint64_t next = ~std::uint64_t{0};
  if (dump.intervalSeconds != 0) next = clockwork.intervalAt;
  if (dump.nearLimitPercent != 0) next = smaller(next, clockwork.limitAt);
  // While the heap sleeps it cannot grow: it rings when it wakes.
  const bool watchesHeap = dump.growthBytes != 0 || dump.atPeak;
  if (watchesHeap && !os::sleepsForGood.load(std::memory_order_relaxed))
    next = smaller(next, clockwork.heapAt);
  if (next == ~std::uint64_t{0}) return 0;
  return next > now ? next - now : 1;
}

std::uint64_t look(std::uint32_t) noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  if (clockwork.startedAt == 0) start(now);
  const Reason heapSays = heapReason(now);
  const bool nearLimit = isNearLimit(now);
  const bool intervalOver = isIntervalOver(now);
  if (nearLimit) {
    dumpFor(Reason::kNearLimit);
  } else if (heapSays != Reason::kUnknown) {
    dumpFor(heapSays);
  } else if (intervalOver) {
    dumpFor(Reason::kInterval);
  }
  return untilNext(os::calls().monotonicNanos());
}

}  // namespace

void installTimedTriggers() noexcept {
  const config::Options& options = config::options();
  if (!options.dump.areTimed()) return;
  if (!options.background) {
    base::logLine(
        "dump=interval, growth, peak and near-limit need the helper thread, which background=0 forbids: none "
        "of "
        "them is looked for");
    return;
  }
  if (!addDuty(look) || !startHelper())
    base::logLine("dump=interval, growth, peak or near-limit: the helper thread could not be started");
}

void timedTriggersInChild() noexcept {
  base::setInChild(clockwork.startedAt, 0);
}

}  // namespace heapprof::entry
