#include "runtime/heap/inspect.h"

#include "runtime/heap/heap.h"
#include "runtime/heap/large.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/trim.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

// Owners write their slabs and heaps with plain stores; a dump reads them meanwhile. Each field is one
// aligned load, so a copy has no torn field, only fields of neighbouring moments; ThreadSanitizer is told
// that this is meant.
#if defined(__clang__) || defined(__GNUC__)
#define HEAPPROF_RACY_READ __attribute__((no_sanitize("thread"), noinline))
#endif

struct SlabView {
  std::uint64_t owner;
  std::uint32_t link;
  std::uint16_t countdown, armed, carved, handed;
  SlabShape shape;
  std::uint8_t sizeClass;
  SlabKind kind;
  SlabState state;
  bool trimmed;
  RemoteWord remote;
};

HEAPPROF_RACY_READ SlabView look(const Slab* slab) noexcept {
  const volatile Slab* at = slab;
  SlabView view = {};
  view.kind = at->kind;
  view.countdown = at->countdown;
  view.armed = at->armed;
  view.carved = at->carved;
  view.handed = at->handed;
  view.shape = {at->granules, at->capacity};
  view.sizeClass = at->sizeClass;
  view.state = at->state;
  view.link = at->link;
  view.trimmed = at->trimmed;
  view.owner =
      slab->owner.load(std::memory_order_acquire);  // pairs with makeSlab(): the heap behind it is whole
  view.remote = loadRemote(*slab);
  return view;
}

HEAPPROF_RACY_READ std::uint64_t peek64(const std::uint64_t* word) noexcept {
  return *static_cast<const volatile std::uint64_t*>(word);
}
HEAPPROF_RACY_READ std::uint16_t peek16(const std::uint16_t* word) noexcept {
  return *static_cast<const volatile std::uint16_t*>(word);
}
HEAPPROF_RACY_READ std::size_t peekSize(const std::size_t* word) noexcept {
  return *static_cast<const volatile std::size_t*>(word);
}
HEAPPROF_RACY_READ void* peekPointer(void* const* word) noexcept {
  return *static_cast<void* const volatile*>(word);
}

HEAPPROF_RACY_READ std::uint64_t peekTrimmed(const Slab* slab) noexcept {
  return countTrimmed(*slab);
}

constexpr std::uint64_t lesser(std::uint64_t a, std::uint64_t b) noexcept {
  return a < b ? a : b;
}

// The slab of this class and heap in which an object starts at the address, or null.
const Slab* slabOfBinned(const Heap& heap, std::uint8_t c, const void* object) noexcept {
  const Slab* slab = findSlab(object);
  if (slab == nullptr) return nullptr;
  SlabView view = look(slab);
  if (view.kind == SlabKind::kInterior) {
    slab = slabAt(view.link);
    view = look(slab);
  }
  if (view.kind != SlabKind::kSlab || view.sizeClass != c || ownerOf(view.owner) != &heap) return nullptr;
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - startOf(slab);
  return offset % kSizeClasses[c].size == 0 ? slab : nullptr;
}

// Objects in the bin, of one slab or (null) of all. The owner may be taking them meanwhile, and programs
// overwrite what they took, so every link is checked before it is followed; memory of ours is always
// readable.
std::uint64_t countBin(const Heap& heap, std::uint8_t c, const Slab* only) noexcept {
  const std::uint64_t most = isMedium(c) ? kMostSpares : peek16(&heap.installed[c]);
  std::uint64_t seen = 0;
  std::uint64_t counted = 0;
  for (void* at = peekPointer(&heap.bins[c]); at != nullptr && seen < most; ++seen) {
    const Slab* slab = slabOfBinned(heap, c, at);
    if (slab == nullptr) break;
    if (only == nullptr || slab == only) ++counted;
    at = peekPointer(static_cast<void* const*>(at));
  }
  return counted;
}

Extent slabExtent(const Slab* slab, const SlabView& view) noexcept {
  const SizeClass& row = kSizeClasses[view.sizeClass];
  const Heap* heap = ownerOf(view.owner);
  Extent extent = {};
  extent.start = startOf(slab);
  extent.bytes = view.shape.granules * pages::kGranuleBytes;
  extent.kind = isMedium(view.sizeClass) ? ExtentKind::kMediumSlab : ExtentKind::kSmallSlab;
  extent.sizeClass = view.sizeClass;
  extent.objectSize = row.size;
  extent.capacity = view.shape.capacity;
  extent.carved = lesser(view.carved, view.shape.capacity);
  const std::uint64_t came =
      static_cast<std::uint16_t>(view.armed - view.countdown) + std::uint64_t{view.remote.count};
  extent.outstanding = lesser(view.handed > came ? view.handed - came : 0, extent.carved);
  if (heap != nullptr) {
    extent.owner = peek64(&heap->number);
    if (view.state == SlabState::kCurrent || isMedium(view.sizeClass))
      extent.cached = countBin(*heap, view.sizeClass, slab);
    extent.exact = !heap->held.load(std::memory_order_relaxed) || heap == heldHeap();
  }
  extent.cached = lesser(extent.cached, extent.outstanding);
  if (view.trimmed) extent.trimmed = lesser(peekTrimmed(slab), extent.carved - extent.outstanding);
  return extent;
}

Extent freeExtent(pages::Granule first, std::uint32_t granules, bool backed) noexcept {
  Extent extent = {};
  extent.start = pages::addressOf(first);
  extent.bytes = std::size_t{granules} << pages::kGranuleShift;
  extent.kind = backed ? ExtentKind::kFreeDirty : ExtentKind::kFreePurged;
  extent.sizeClass = kNoClass;
  extent.exact = true;
  return extent;
}

bool isBacked(pages::Granule granule) noexcept {
  return (pages::unitOf(granule).backed.load(std::memory_order_relaxed) >> (granule % pages::kUnitGranules) &
          1) != 0;
}

// Rows of one region, merging free granules of one kind.
void walkRegion(const pages::Region& region, void (*visit)(void*, const Extent&), void* context) noexcept {
  const pages::Granule end = region.first + region.committed.load(std::memory_order_acquire);
  pages::Granule freeFrom = pages::kNoGranule;
  bool freeBacked = false;
  const auto flush = [&](pages::Granule upTo) {
    if (freeFrom != pages::kNoGranule) visit(context, freeExtent(freeFrom, upTo - freeFrom, freeBacked));
    freeFrom = pages::kNoGranule;
  };
  pages::Granule at = region.first == 0 ? pages::kUnitGranules : region.first;
  while (at < end) {
    const Slab* slab = slabAt(at);
    const SlabView view = look(slab);
    std::uint32_t length = 1;
    Extent extent = {};
    if (view.kind == SlabKind::kSlab && view.sizeClass < kClasses && view.owner != 0 &&
        view.shape.granules != 0) {
      extent = slabExtent(slab, view);
      length = view.shape.granules;
    } else if (view.kind == SlabKind::kLarge && view.link != 0 && view.link <= end - at) {
      extent = {startOf(slab),
                std::size_t{view.link} << pages::kGranuleShift,
                ExtentKind::kLarge,
                kNoClass,
                std::uint64_t{view.link} << pages::kGranuleShift,
                1,
                1,
                1,
                0,
                0,
                true};
      length = view.link;
    } else {
      const bool backed = isBacked(at);
      if (freeFrom != pages::kNoGranule && backed != freeBacked) flush(at);
      if (freeFrom == pages::kNoGranule) {
        freeFrom = at;
        freeBacked = backed;
      }
      ++at;
      continue;
    }
    flush(at);
    visit(context, extent);
    at += length;
  }
  flush(end);
}

std::uint64_t cachedBytesOf(const Heap& heap) noexcept {
  std::uint64_t bytes = peekSize(&heap.remoteCache.bytes);
  for (std::uint8_t c = 0; c < kClasses; ++c) bytes += countBin(heap, c, nullptr) * kSizeClasses[c].size;
  return bytes;
}

}  // namespace

void forEachExtent(void (*visit)(void* context, const Extent& extent), void* context) noexcept {
  for (std::size_t i = 0; i < pages::regionCount(); ++i) walkRegion(pages::regionAt(i), visit, context);
}

Region region() noexcept {
  if (pages::regionCount() == 0) return {0, 0, 0, pages::kGranuleBytes, pages::kUnitBytes};
  const pages::Region& first = pages::regionAt(0);
  return {first.start, std::size_t{first.granules} << pages::kGranuleShift,
          std::size_t{first.committed.load(std::memory_order_acquire)} << pages::kGranuleShift,
          pages::kGranuleBytes, pages::kUnitBytes};
}

void forEachHugePage(void (*visit)(void* context, const HugePageRow& row), void* context) noexcept {
  for (std::size_t i = 0; i < pages::regionCount(); ++i) {
    const pages::Region& region = pages::regionAt(i);
    const std::uint32_t units = region.committed.load(std::memory_order_acquire) / pages::kUnitGranules;
    for (std::uint32_t u = 0; u < units; ++u) {
      const pages::Unit& unit = region.units[u];
      const std::uint64_t used = unit.used.load(std::memory_order_relaxed);
      const std::uint64_t backed = unit.backed.load(std::memory_order_relaxed);
      if ((used | backed) == 0) continue;
      visit(context,
            {(region.start - pages::regionAt(0).start) / pages::kUnitBytes + u, &used, &backed, 1,
             unit.bornNanos.load(std::memory_order_relaxed), unit.purges.load(std::memory_order_relaxed),
             unit.refaults.load(std::memory_order_relaxed), pages::isHuge(unit)});
    }
  }
}

void forEachClass(void (*visit)(void* context, const ClassRow& row), void* context) noexcept {
  ClassRow rows[kMaxClasses] = {};
  for (std::uint8_t c = 0; c < kClasses; ++c) {
    const SizeClass& row = kSizeClasses[c];
    rows[c].index = c;
    rows[c].size = row.size;
    rows[c].slabBytes = row.largest().granules * pages::kGranuleBytes;
  }
  forEachExtent(
      [](void* rowsOfClasses, const Extent& extent) {
        if (extent.sizeClass == kNoClass) return;
        ClassRow& row = static_cast<ClassRow*>(rowsOfClasses)[extent.sizeClass];
        ++row.slabs;
        row.capacity += extent.capacity;
        row.outstanding += extent.outstanding;
        row.cached += extent.cached;
      },
      rows);
  for (const Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    for (std::uint8_t c = 0; c < kClasses; ++c) {
      rows[c].allocations += peek64(&heap->allocated[c]);
      rows[c].frees += peek64(&heap->freed[c]);
    }
  }
  for (std::uint8_t c = 0; c < kClasses; ++c) visit(context, rows[c]);
}

void forEachHeap(void (*visit)(void* context, const HeapRow& row), void* context) noexcept {
  for (const Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    HeapRow row = {heap->number, heap->threadId.load(std::memory_order_relaxed), cachedBytesOf(*heap), 0, 0};
    for (std::uint8_t c = 0; c < kClasses; ++c) {
      row.allocatedBytes += peek64(&heap->allocated[c]) * kSizeClasses[c].size;
      row.freedBytes += peek64(&heap->freed[c]) * kSizeClasses[c].size;
    }
    visit(context, row);
  }
}

Totals totals() noexcept {
  Totals sums = {};
  forEachClass(
      [](void* context, const ClassRow& row) {
        auto* t = static_cast<Totals*>(context);
        t->outstandingBytes += row.outstanding * row.size;
        t->outstandingObjects += row.outstanding;
        t->cachedBytes += row.cached * row.size;
        t->allocatedBytes += row.allocations * row.size;
        t->allocatedObjects += row.allocations;
      },
      &sums);
  const LargeTotals large = largeTotals();
  sums.largeBytes = large.liveBytes;
  sums.largeCount = large.liveCount;
  sums.outstandingBytes += large.liveBytes;
  sums.outstandingObjects += large.liveCount;
  sums.allocatedBytes += large.allocatedBytes;
  sums.allocatedObjects += large.allocatedCount;
  for (const Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    if (heap->orphan) sums.forkLostBytes += cachedBytesOf(*heap);
  }
  return sums;
}

std::uint64_t liveBytes() noexcept {
  std::uint64_t sum = 0;
  forEachExtent(
      [](void* total, const Extent& extent) {
        *static_cast<std::uint64_t*>(total) += (extent.outstanding - extent.cached) * extent.objectSize;
      },
      &sum);
  return sum;
}

}  // namespace heapprof::heap
