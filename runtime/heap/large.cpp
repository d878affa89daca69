#include "runtime/heap/large.h"

#include <cstring>
#include <errno.h>
#include <stdint.h>

#include "runtime/base/fatal.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

constexpr std::size_t kMostGranules = 0x7fffffffu;

constinit std::atomic<std::uint64_t> liveBytes{0}, liveCount{0}, allocatedBytes{0}, allocatedCount{0};

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

void maybeSample(base::Random& random, Slab* slab, const Request& request, std::size_t drawnBytes) noexcept {
  const std::uint64_t interval = slab->drawnInterval;
  if (interval == 0 || !sampling::drawLarge(random, drawnBytes, interval)) return;
  void* pointer = reinterpret_cast<void*>(startOf(slab));
  addSample(slab, {pointer, request.bytes, largeBytes(slab), request.alignment, request.kind, interval},
            request.frame, false);
}

// A block that was not sampled at its old size gets the chance of what it grew by, at the interval of its
// first draw: only then is its whole chance that of its new size. One made while sampling was off is drawn
// like a new one.
void sampleGrowth(base::Random& random, Slab* slab, const Request& request, std::size_t grownBytes) noexcept {
  const std::uint64_t now = sampling::intervalBytes();
  if (now == 0) return;
  const bool drawnBefore = slab->drawnInterval != 0;
  if (!drawnBefore) slab->drawnInterval = now;
  maybeSample(random, slab, request, drawnBefore ? grownBytes : largeBytes(slab));
}

}  // namespace

void* allocateLarge(Heap* heap, const Request& request) noexcept {
  if (request.bytes > static_cast<std::size_t>(PTRDIFF_MAX) || request.alignment > (std::size_t{1} << 46)) {
    errno = ENOMEM;
    return nullptr;
  }
  const std::size_t wanted = request.bytes == 0 ? 1 : request.bytes;
  const std::size_t granules = (wanted + pages::kGranuleBytes - 1) >> pages::kGranuleShift;
  const std::size_t alignment =
      request.alignment <= pages::kGranuleBytes ? 1 : request.alignment >> pages::kGranuleShift;
  if (granules > kMostGranules || alignment > kMostGranules) {
    errno = ENOMEM;
    return nullptr;
  }
  const pages::Span span =
      pages::allocate(static_cast<std::uint32_t>(granules), static_cast<std::uint32_t>(alignment));
  if (span.first == pages::kNoGranule) return nullptr;
  Slab* slab = slabAt(span.first);
  slab->link = span.granules;
  slab->remote.store(0, std::memory_order_relaxed);
  slab->filter.store(0, std::memory_order_relaxed);
  slab->samples = 0;
  slab->owner.store(0, std::memory_order_relaxed);
  slab->kind = SlabKind::kLarge;
  void* pointer = reinterpret_cast<void*>(startOf(slab));
  const std::size_t bytes = largeBytes(slab);
  count(liveBytes, bytes);
  count(liveCount, 1);
  count(allocatedBytes, bytes);
  count(allocatedCount, 1);
  if (request.zero && !span.zeroed) std::memset(pointer, 0, wanted);
  slab->drawnInterval = heap == nullptr ? 0 : sampling::intervalBytes();
  if (heap != nullptr) maybeSample(heap->random, slab, request, bytes);
  return pointer;
}

void freeLarge(Slab* slab, void* pointer) noexcept {
  if (reinterpret_cast<std::uintptr_t>(pointer) != startOf(slab)) {
    base::fatal("free() of an address inside a large block");
  }
  const std::uint32_t granules = slab->link;
  slab->kind = SlabKind::kUnused;
  slab->link = 0;
  count(liveBytes, ~((std::uint64_t{granules} << pages::kGranuleShift) - 1));
  count(liveCount, ~std::uint64_t{0});
  pages::release(granuleOf(slab), granules);
}

bool resizeLarge(Heap* heap, Slab* slab, void* pointer, std::size_t bytes, const void* frame) noexcept {
  const std::uint32_t old = slab->link;
  if (bytes <= kLargestClass || bytes > static_cast<std::size_t>(PTRDIFF_MAX)) return false;
  const std::size_t wantedGranules = (bytes + pages::kGranuleBytes - 1) >> pages::kGranuleShift;
  if (wantedGranules > kMostGranules) return false;
  const auto wanted = static_cast<std::uint32_t>(wantedGranules);
  bool zeroed = false;
  if (wanted > old && !pages::growInPlace(granuleOf(slab), old, wanted, &zeroed)) return false;
  slab->link = wanted;
  if (wanted < old) pages::shrinkInPlace(granuleOf(slab), old, wanted);
  const std::size_t before = std::size_t{old} << pages::kGranuleShift;
  const std::size_t after = largeBytes(slab);
  count(liveBytes, after - before);
  if (after > before) count(allocatedBytes, after - before);
  base::Random local;
  if (heap == nullptr) local.reseed(os::calls().monotonicNanos());  // too far gone to hold a heap
  base::Random& random = heap == nullptr ? local : heap->random;
  const bool sampled = holdsSamples(*slab) && resizeSample(slab, pointer, bytes, after, random);
  if (!sampled && after > before) {
    sampleGrowth(random, slab, {bytes, 0, sampling::Kind::kRealloc, false, frame}, after - before);
  }
  return true;
}

LargeTotals largeTotals() noexcept {
  return {liveBytes.load(std::memory_order_relaxed), liveCount.load(std::memory_order_relaxed),
          allocatedBytes.load(std::memory_order_relaxed), allocatedCount.load(std::memory_order_relaxed)};
}

}  // namespace heapprof::heap
