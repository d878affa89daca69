// Medium classes: the bin keeps what was freed last, of whichever slab, and hands it out first. Such an
// object's pages are the likeliest to be cached and mapped, and its slab's descriptor is not looked at twice.
//
// Invariant: an object in the bin counts as handed out by its slab; it is no sample. The k-th from the end of
// the bin holds k in its second word. Unlike the bins of small classes these owe nothing to the sampler: the
// gap is counted down as objects are handed out.
#include "runtime/base/fatal.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"
#include "runtime/pages/pages.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::heap {
namespace {

// A bin may keep this part of what its class has out, and one object of a size that is often alone.
constexpr unsigned kSpareShift = 2;
constexpr std::uint32_t kOftenAlone = 64 * 1024;

std::size_t& depthOf(void* object) noexcept {
  return static_cast<std::size_t*>(object)[1];
}

// Found empty: more is kept.
void raiseLimit(Heap& heap, std::uint8_t c) noexcept {
  const bool mayKeep = !pages::isNear();
  const std::uint64_t share = mayKeep ? (heap.allocated[c] - heap.freed[c]) >> kSpareShift : 0;
  const std::uint64_t least = mayKeep && kSizeClasses[c].size <= kOftenAlone ? 1 : 0;
  const std::uint64_t most = share < least ? least : share > kMostSpares ? kMostSpares : share;
  std::uint16_t& limit = heap.installed[c];
  limit = static_cast<std::uint16_t>(limit < most ? limit + 1u : most);
}

// As if it had not been in the bin.
void giveToSlab(Heap& heap, std::uint8_t c, void* object) noexcept {
  --heap.allocated[c];
  --heap.freed[c];
  freeToSlab(firstOf(findSlab(object)), object);
}

}  // namespace

void freeMedium(Heap& heap, Slab* slab, void* object) noexcept {
  const std::uint8_t c = slab->sizeClass;
  void*& bin = heap.bins[c];
  void* head = bin;
  if (head == object) [[unlikely]]
    base::fatal("free() of an object that has just been freed (double free)");
  if (mayBeSampled(slab, object)) [[unlikely]]
    forgetSample(firstOf(slab), object);
  const std::size_t depth = head == nullptr ? 0 : depthOf(head);
  if (depth >= heap.installed[c]) {
    // More comes back than is asked for: less is kept.
    if (depth > 1) {
      heap.installed[c] = static_cast<std::uint16_t>(depth - 1);
      bin = nextObject(head);
      giveToSlab(heap, c, head);
    }
    return freeToSlab(firstOf(slab), object);
  }
  // The bin runs dry, so that the new interval is seen.
  if (heap.drawnInterval[c] != sampling::intervalBytes()) return freeToSlab(firstOf(slab), object);
  nextObject(object) = head;
  depthOf(object) = depth + 1;
  bin = object;
  ++heap.allocated[c];
  ++heap.freed[c];
}

Chain takeMedium(Heap& heap, std::uint8_t c) noexcept {
  if (void* object = heap.bins[c]) {
    heap.bins[c] = nextObject(object);
    return {object, 1, false};
  }
  raiseLimit(heap, c);
  const Chain chain = takeObjects(heap, c, 1);
  heap.allocated[c] += chain.count;
  return chain;
}

void emptyMediumBin(Heap& heap, std::uint8_t c) noexcept {
  while (void* object = heap.bins[c]) {
    heap.bins[c] = nextObject(object);
    giveToSlab(heap, c, object);
  }
}

}  // namespace heapprof::heap
