// The helper's duty of adding a row to the timeline, every second or as the option says.
//
// A row may cost 0.5% of the time that passes: with very many heaps rows come less often. While the heap
// sleeps nothing changes, and no row is made: the last one before and the first one after say all.
#include "runtime/introspect/timeline.h"

#include "runtime/base/fatal.h"
#include "runtime/base/in_child.h"
#include "runtime/config/options.h"
#include "runtime/entry/helper.h"
#include "runtime/entry/triggers.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kShare = 200;  // 0.5%

constinit std::uint64_t nextAt = 0;  // the helper's own, but for its reset in a forked child
constinit bool quiet = false;

std::uint64_t addRow(std::uint32_t) noexcept {
  const std::uint64_t begin = os::calls().monotonicNanos();
  if (begin < nextAt) return nextAt - begin;
  const bool sleeps = os::sleepsForGood.load(std::memory_order_relaxed);
  if (sleeps && quiet) return 0;  // whoever makes work rings
  quiet = introspect::recordTimelineRow();
  const std::uint64_t cost = (os::calls().monotonicNanos() - begin) * kShare;
  const std::uint64_t period = config::options().timeline.seconds * kSecond;
  nextAt = begin + (cost > period ? cost : period);
  return nextAt - begin;
}

}  // namespace

void installTimeline() noexcept {
  const config::TimelineRule& timeline = config::options().timeline;
  if (timeline.seconds == 0) return;
  if (!addDuty(addRow)) return;
  if (!timeline.isWritten) return;  // from when the heap is large enough for a helper
  if (!config::options().background) {
    base::logLine("timeline= needs the helper thread, which background=0 forbids: no timeline");
  } else if (!startHelper()) {
    base::logLine("no timeline: the helper thread could not be started");
  }
}

void timelineInChild() noexcept {
  base::setInChild(nextAt, 0);
  base::setInChild(quiet, false);
  introspect::timelineInChild();
}

}  // namespace heapprof::entry
