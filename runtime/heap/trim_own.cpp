#include "runtime/heap/trim_own.h"

#include "runtime/base/errno_keeper.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"
#include "runtime/heap/trim.h"

namespace heapprof::heap {
namespace {

constexpr std::uint32_t kMostTrimmed = 512;
constexpr std::uint64_t kTicksBetween = 32;

// False: it was too much for one call.
bool trimListed(Heap& heap, pages::Granule at, Discards& discards, std::uint32_t* left) noexcept {
  while (at != pages::kNoGranule) {
    Slab& slab = *slabAt(at);
    at = slab.link;  // the slab may end
    if (!isWorthALook(slab)) continue;
    if (*left == 0) return false;
    --*left;
    trim(heap, slab, discards);
  }
  return true;
}

}  // namespace

void askHoldersToTrim() noexcept {
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    if (heap->held.load(std::memory_order_relaxed)) heap->trimWanted.store(true, std::memory_order_relaxed);
  }
}

// Memory is short, so no huge page is spared for its own sake.
void trimOwn(Heap& heap) noexcept {
  const base::ErrnoKeeper keeper;
  surrender(heap);
  Discards discards(pages::PurgeReason::kTrim);
  std::uint32_t left = kMostTrimmed;
  bool done = true;
  for (std::uint8_t c = 0; c < kClasses && done; ++c) {
    done = trimListed(heap, heap.partial[c], discards, &left) &&
           trimListed(heap, heap.hollow[c], discards, &left);
  }
  discards.flush();
  discards.notePass();
  if (done) heap.trimWanted.store(false, std::memory_order_relaxed);
  heap.ticksTrimmedOwn = heap.ticks.load(std::memory_order_relaxed);
}

void trimOwnNear(Heap& heap) noexcept {
  if (heap.ticks.load(std::memory_order_relaxed) - heap.ticksTrimmedOwn >= kTicksBetween) trimOwn(heap);
}

}  // namespace heapprof::heap
