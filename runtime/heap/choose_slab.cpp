#include "runtime/heap/choose_slab.h"

#include "runtime/heap/slab_map.h"
#include "runtime/os/os.h"

namespace heapprof::heap {
namespace {

// Gleaning yields few objects at a time. With so much time between, its price does not count.
constexpr std::uint64_t kRestNanos = 2'000;
constexpr std::uint32_t kMostLookedAt = 128;  // descriptors
// In less there is little to be had, and the smallest programs stay on a heap's first page.
constexpr std::uint32_t kFewestWalkedOver = 8;  // granules
constexpr unsigned kWorthwhileShare = 64;       // of a slab
// How often it is left alone after finding nothing: 1, then 3, then this.
constexpr std::uint8_t kMostPassedOver = 4;

int unnoticedFrees(const Slab& slab) noexcept {
  return slab.armed - slab.countdown + loadRemote(slab).count;
}

bool isWorthGleaning(const Heap& heap, const Slab& slab, std::uint8_t sizeClass) noexcept {
  if (ownerOf(slab.owner.load(std::memory_order_relaxed)) != &heap) return false;
  return slab.sizeClass == sizeClass && slab.state == SlabState::kFull &&
         unnoticedFrees(slab) > static_cast<int>(slab.capacity / kWorthwhileShare);
}

}  // namespace

Slab& fullestOf(pages::Granule first) noexcept {
  constexpr int kSeen = 8;
  Slab* fullest = nullptr;
  int fewest = 0x10000;
  pages::Granule at = first;
  for (int seen = 0; at != pages::kNoGranule && seen < kSeen; ++seen) {
    Slab* slab = slabAt(at);
    const int out = slab->handed - unnoticedFrees(*slab);
    if (slab->capacity - out < fewest) {
      fullest = slab;
      fewest = slab->capacity - out;
    }
    at = slab->link;
  }
  return *fullest;
}

Slab* glean(Heap& heap, std::uint8_t sizeClass) noexcept {
  Gleaning& gleaning = heap.gleaning;
  const std::uint32_t extent = gleaning.end - gleaning.begin;
  if (extent < kFewestWalkedOver) return nullptr;
  GleaningOfClass& row = heap.gleaned[sizeClass];
  if (row.passOver != 0) {
    --row.passOver;
    return nullptr;
  }
  const std::uint64_t now = os::calls().monotonicNanos();
  if (now - gleaning.lastNanos < kRestNanos) return nullptr;
  const std::uint32_t most = extent < kMostLookedAt ? extent : kMostLookedAt;
  for (std::uint32_t i = 0; i < most; ++i) {
    if (row.next < gleaning.begin || row.next >= gleaning.end) row.next = gleaning.begin;
    Slab& slab = slabMap.table[row.next++];
    if (!isWorthGleaning(heap, slab, sizeClass)) continue;
    row.failures = 0;
    gleaning.lastNanos = now;
    return &slab;
  }
  const int passOver = row.failures * 2 + 1;
  row.failures = row.passOver =
      passOver < kMostPassedOver ? static_cast<std::uint8_t>(passOver) : kMostPassedOver;
  return nullptr;
}

void noteForGleaning(Heap& heap, pages::Granule granule) noexcept {
  if (granule >= slabMap.granules) return;  // only the first region is walked over
  Gleaning& gleaning = heap.gleaning;
  if (gleaning.end == 0 || granule < gleaning.begin) gleaning.begin = granule;
  if (granule >= gleaning.end) gleaning.end = granule + 1;
}

}  // namespace heapprof::heap
