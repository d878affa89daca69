#include "runtime/introspect/timeline.h"

#include <cerrno>
#include <cstring>

#include "runtime/base/in_child.h"
#include "runtime/base/mutex.h"
#include "runtime/heap/inspect.h"
#include "runtime/introspect/process_figures.h"
#include "runtime/os/os.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/scores.h"

namespace heapprof::introspect {
namespace {

// One distance between rows. A queue in an array: `first` is the oldest.
class Level {
 public:
  bool isFull() const noexcept { return count_ == kLevelRows; }
  std::size_t count() const noexcept { return count_; }
  const TimelineRow& at(std::size_t i) const noexcept { return rows_[(first_ + i) % kLevelRows]; }
  void push(const TimelineRow& row) noexcept {
    rows_[(first_ + count_) % kLevelRows] = row;
    ++count_;
  }
  // Takes the two oldest away and gives the one that stays.
  TimelineRow takePair() noexcept {
    const TimelineRow kept = higher(at(0), at(1));
    first_ = (first_ + 2) % kLevelRows;
    count_ -= 2;
    return kept;
  }
  void halve() noexcept {
    const std::size_t pairs = count_ / 2;
    for (std::size_t i = 0; i < pairs; ++i) push(takePair());  // all the way round: the order stays
  }
  void clear() noexcept { first_ = count_ = 0; }

  static const TimelineRow& higher(const TimelineRow& a, const TimelineRow& b) noexcept {
    return b.rssBytes >= a.rssBytes ? b : a;
  }

 private:
  TimelineRow rows_[kLevelRows] = {};
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

// The oldest rows: as many of those that come in are one as `stride` says, and that doubles when it is full.
struct Oldest {
  std::uint64_t stride = 1;
  std::uint64_t waiting = 0;  // rows in `next`, fewer than the stride
  TimelineRow next = {};
};

constinit base::Mutex lock;
constinit Level levels[kLevels];  // the first is the youngest
constinit Oldest oldest;
constinit TimelineMark marks[kMarks] = {};
constinit std::uint64_t marksEver = 0;
constinit bool hasRows = false;
constinit bool rssUnknown = false;
constinit bool hugeUnknown = false;
constinit TimelineRow newest = {};

void pushOldest(const TimelineRow& row) noexcept {
  Level& level = levels[kLevels - 1];
  oldest.next = oldest.waiting == 0 ? row : Level::higher(oldest.next, row);
  if (++oldest.waiting < oldest.stride) return;
  oldest.waiting = 0;
  level.push(oldest.next);
  if (!level.isFull()) return;
  level.halve();
  oldest.stride *= 2;
}

void push(const TimelineRow& row) noexcept {
  hasRows = true;
  TimelineRow kept = row;
  for (std::size_t i = 0; i < kLevels - 1; ++i) {
    if (!levels[i].isFull()) {
      levels[i].push(kept);
      return;
    }
    // Room for two: the older pair goes on as one.
    const TimelineRow older = levels[i].takePair();
    levels[i].push(kept);
    kept = older;
  }
  pushOldest(kept);
}

}  // namespace

bool recordTimelineRow() noexcept {
  TimelineRow row = {};
  const Figure rss = readRss();
  row.rssBytes = rss.value;
  const heap::Totals totals = heap::totals();
  row.liveBytes = totals.outstandingBytes;
  row.allocatedBytes = totals.allocatedBytes;
  row.dirtyBytes = pages::totals().freeBackedGranules * pages::kGranuleBytes;
  row.purgedBytes = pages::purgeTotals().advisedBytes;
  row.hugeBytes = pages::hugeUnits() * pages::kUnitBytes;
  row.monotonicNanos = os::calls().monotonicNanos();
  const bool hugeKnown = !pages::kernelFormsByItself();

  const base::MutexGuard guard(lock);
  if (!rss.known) rssUnknown = true;
  if (!hugeKnown) hugeUnknown = true;
  const bool quiet = newest.monotonicNanos != 0 && row.allocatedBytes == newest.allocatedBytes &&
                     row.liveBytes == newest.liveBytes && row.purgedBytes == newest.purgedBytes;
  newest = row;
  push(row);
  return quiet;
}

void addTimelineRow(const TimelineRow& row) noexcept {
  const base::MutexGuard guard(lock);
  newest = row;
  push(row);
}

int addTimelineMark(const char* name) noexcept {
  if (name == nullptr || *name == '\0') return EINVAL;
  const std::uint64_t now = os::calls().monotonicNanos();
  const base::MutexGuard guard(lock);
  TimelineMark& mark = marks[marksEver++ % kMarks];
  mark.monotonicNanos = now;
  std::size_t size = 0;
  while (size + 1 < sizeof mark.name && name[size] != '\0') {
    mark.name[size] = name[size];
    ++size;
  }
  mark.name[size] = '\0';
  return 0;
}

TimelineCounts copyTimeline(TimelineRow* rows, TimelineMark* copies) noexcept {
  const base::MutexGuard guard(lock);
  TimelineCounts counts = {0, 0, !rssUnknown, !hugeUnknown};
  for (std::size_t level = kLevels; level-- > 0;) {
    for (std::size_t i = 0; i < levels[level].count(); ++i) rows[counts.rows++] = levels[level].at(i);
    if (level == kLevels - 1 && oldest.waiting != 0) rows[counts.rows++] = oldest.next;
  }
  const std::uint64_t first = marksEver > kMarks ? marksEver - kMarks : 0;
  for (std::uint64_t i = first; i < marksEver; ++i) copies[counts.marks++] = marks[i % kMarks];
  return counts;
}

void timelineInChild() noexcept {
  lock.reset();
  base::setInChild(marksEver, 0);
  if (!hasRows) return;
  hasRows = false;
  for (Level& level : levels) level.clear();
  oldest = {};
  rssUnknown = hugeUnknown = false;
  newest = {};
}

}  // namespace heapprof::introspect
