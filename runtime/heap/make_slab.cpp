#include "runtime/heap/make_slab.h"

#include "runtime/heap/choose_slab.h"
#include "runtime/heap/slab_map.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

// What slabs leave free is multiplied by the heaps: from the next one on they start small.
constexpr std::uint64_t kHeapsWithLargeSlabs = 4;
// What a heap asks of the page layer at its first, second ... need.
constexpr std::uint32_t kGranuleBatches[] = {1, 1, 2, 4, 8};

pages::Granule takeGranule(Heap& heap) noexcept {
  GranuleStock& stock = heap.stock;
  if (stock.count == 0) {
    constexpr std::uint32_t kLast = sizeof kGranuleBatches / sizeof kGranuleBatches[0] - 1;
    const std::uint32_t wanted = kGranuleBatches[stock.refills < kLast ? stock.refills : kLast];
    ++stock.refills;
    stock.count = pages::allocateSmall(stock.granules, wanted);
    if (stock.count == 0) return pages::kNoGranule;
    // Lowest address first: they are taken from the end.
    for (std::uint32_t i = 0; i < stock.count / 2; ++i) {
      const pages::Granule swapped = stock.granules[i];
      stock.granules[i] = stock.granules[stock.count - 1 - i];
      stock.granules[stock.count - 1 - i] = swapped;
    }
  }
  return stock.granules[--stock.count];
}

[[gnu::noinline]] pages::Span takeMediumSpan(Heap& heap, std::uint8_t sizeClass,
                                             std::uint32_t granules) noexcept {
  const pages::Span span = pages::allocate(granules);
  if (span.first == pages::kNoGranule) return span;
  for (std::uint32_t i = 1; i < granules; ++i) {
    Slab& interior = *slabAt(span.first + i);
    interior.kind = SlabKind::kInterior;
    interior.link = span.first;
    // What a free of the owner's reads.
    interior.sizeClass = sizeClass;
    interior.gone = 0;
    interior.filter.store(0, std::memory_order_relaxed);
    interior.owner.store(reinterpret_cast<std::uint64_t>(&heap) | kMediumOwner, std::memory_order_relaxed);
  }
  return span;
}

}  // namespace

void giveGranule(Heap& heap, pages::Granule granule) noexcept {
  GranuleStock& stock = heap.stock;
  if (stock.count == GranuleStock::kMost) {
    constexpr std::uint32_t kHalf = GranuleStock::kMost / 2;
    pages::releaseSmall(stock.granules, kHalf);
    for (std::uint32_t i = kHalf; i < stock.count; ++i) stock.granules[i - kHalf] = stock.granules[i];
    stock.count -= kHalf;
  }
  stock.granules[stock.count++] = granule;
}

Slab* makeSlab(Heap& heap, std::uint8_t sizeClass) noexcept {
  const SlabShape& shape = heap.number <= kHeapsWithLargeSlabs
                               ? kSizeClasses[sizeClass].largest()
                               : shapeFor(sizeClass, heap.allocated[sizeClass] - heap.freed[sizeClass]);
  pages::Span span;
  if (isMedium(sizeClass)) {
    span = takeMediumSpan(heap, sizeClass, shape.granules);
  } else {
    span.first = takeGranule(heap);
  }
  const pages::Granule first = span.first;
  if (first == pages::kNoGranule) return nullptr;
  if (!isMedium(sizeClass)) noteForGleaning(heap, first);
  Slab& slab = *slabAt(first);
  slab.localFree = nullptr;
  setCountdown(slab, kNeverEnds);
  slab.carved = slab.handed = slab.clean = 0;
  slab.capacity = shape.capacity;
  slab.granules = shape.granules;
  slab.remote.store(RemoteWord{0, 0, wakeAfter(shape.capacity)}.pack(), std::memory_order_relaxed);
  slab.filter.store(0, std::memory_order_relaxed);
  slab.samples = 0;
  slab.sizeClass = sizeClass;
  slab.kind = SlabKind::kSlab;
  slab.pushPending = slab.kept = slab.trimmed = slab.lookedThrough = slab.awaited = slab.spared = false;
  slab.gone = 0;
  slab.zeroed = span.zeroed;
  slab.returning = span.returning;
  // release: pairs with look(); a dump that finds the slab may not have seen the heap being made.
  slab.owner.store(reinterpret_cast<std::uint64_t>(&heap) | (isMedium(sizeClass) ? kMediumOwner : 0),
                   std::memory_order_release);
  return &slab;
}

}  // namespace heapprof::heap
