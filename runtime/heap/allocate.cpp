// malloc's slow side: filling bins, drawing samples, and requests that no bin serves.
#include <cstring>
#include <errno.h>
#include <stdint.h>

#include "runtime/base/mutex.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/large.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"
#include "runtime/heap/upkeep.h"
#include "runtime/os/bell.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

constexpr std::size_t kLendingClasses = 3;

constinit std::atomic<bool> initialised{false};

// The objects of a class that has more out than this lie outside the cache, those on its slabs' lists too.
constexpr std::uint64_t kCacheBytes = std::uint64_t{1} << 20;

bool listsAreCold(const Heap& heap, std::uint8_t c) noexcept {
  return (heap.allocated[c] - heap.freed[c]) * kSizeClasses[c].size >= kCacheBytes;
}

void draw(Heap& heap, std::uint8_t c, std::uint64_t interval) noexcept {
  heap.untilSample[c] = sampling::objectsUntilSample(heap.random, kSizeClasses[c].size, interval);
  heap.drawnInterval[c] = interval;
  heap.approaching[c] = false;
}

// Puts as much of the chain into the bin as may be handed out before the next sample; the rest goes back to
// its slab.
void install(Heap& heap, std::uint8_t c, Chain chain) noexcept {
  const std::uint64_t until = heap.untilSample[c];
  const std::uint32_t count = chain.count < until ? chain.count : static_cast<std::uint32_t>(until);
  if (until != sampling::kNever) heap.untilSample[c] = until - count;
  heap.installed[c] = static_cast<std::uint16_t>(count);
  heap.allocated[c] += count;
  if (count == 0) {
    heap.bins[c] = nullptr;
    putBack(heap, c, chain);
    return;
  }
  heap.bins[c] = chain.head;
  if (count == chain.count) return;
  void* last = chain.head;
  for (std::uint32_t i = 1; i < count; ++i) last = nextObject(last);
  const Chain rest = {nextObject(last), chain.count - count, false};
  nextObject(last) = nullptr;
  putBack(heap, c, rest);
}

// One object is handed out. True: it is the sample.
//
// A changed interval: the bin was cut at the sample that its draw held, so that draw also decides about the
// object this call hands out; the new interval begins behind it. Anything else would drop samples that were
// due (runtime/sampling/README.md). Only from and to "off" nothing is owed. Objects that are taken one by
// one, because a sample is nearer than the end of their list, are such a bin.
bool countDown(Heap& heap, std::uint8_t c, std::uint64_t interval) noexcept {
  const bool sampled = heap.untilSample[c] == 0;
  if (sampled || (heap.drawnInterval[c] != interval && !heap.approaching[c])) {
    draw(heap, c, interval);
  } else if (heap.untilSample[c] != sampling::kNever) {
    --heap.untilSample[c];
  }
  return sampled;
}

// Sampling went on or off: nothing is owed across that.
void drawAcrossOff(Heap& heap, std::uint8_t c, std::uint64_t interval) noexcept {
  if ((heap.drawnInterval[c] == 0) != (interval == 0)) draw(heap, c, interval);
}

// Last, when the heap is whole again: taking a stack may allocate. `drawn`: the interval of the sample's
// draw.
void recordSample(const Heap& heap, Slab* slab, void* object, const Request& request,
                  std::uint64_t drawn) noexcept {
  const std::uint8_t c = slab->sizeClass;
  addSample(slab, {object, request.bytes, kSizeClasses[c].size, request.alignment, request.kind, drawn},
            request.frame, listsAreCold(heap, c));
}

// The bin is empty: one object for the caller, a batch for the bin. The call that finds no object left before
// the next sample is the sample.
void* refill(Heap& heap, std::uint8_t c, const Request& request) noexcept {
  const std::uint64_t interval = sampling::intervalBytes();
  drawAcrossOff(heap, c, interval);
  const std::uint64_t until = heap.untilSample[c];
  const bool mayWalk = until == sampling::kNever || !listsAreCold(heap, c);
  const Chain chain = takeObjects(heap, c, mayWalk ? sampling::kNever : until + 1);
  if (chain.count == 0) return nullptr;
  if (chain.alone) heap.approaching[c] = true;
  void* object = chain.head;
  const Chain rest = {chain.count > 1 ? nextObject(object) : nullptr, chain.count - 1, chain.fresh};
  const std::uint64_t drawn = heap.drawnInterval[c];
  const bool sampled = countDown(heap, c, interval);
  ++heap.allocated[c];
  Slab* slab = heap.current[c];
  install(heap, c, rest);
  if (request.zero) std::memset(object, 0, chain.fresh ? sizeof(void*) : request.bytes);
  if (sampled) recordSample(heap, slab, object, request, drawn);
  return object;
}

// The same for a medium class, whose gap is counted down object by object (entry/fast_path.h does it too).
void* fromMediumClass(Heap& heap, std::uint8_t c, const Request& request) noexcept {
  const std::uint64_t interval = sampling::intervalBytes();
  drawAcrossOff(heap, c, interval);
  const Chain chain = takeMedium(heap, c);
  if (chain.count == 0) return nullptr;
  const std::uint64_t drawn = heap.drawnInterval[c];
  const bool sampled = countDown(heap, c, interval);
  if (request.zero) std::memset(chain.head, 0, chain.fresh ? sizeof(void*) : request.bytes);
  if (sampled) recordSample(heap, firstOf(findSlab(chain.head)), chain.head, request, drawn);
  return chain.head;
}

void* fromClass(Heap& heap, std::uint8_t c, const Request& request) noexcept {
  if (isMedium(c)) return fromMediumClass(heap, c, request);
  void* object = heap.bins[c];
  if (object == nullptr) return refill(heap, c, request);
  heap.bins[c] = nextObject(object);
  if (request.zero) std::memset(object, 0, request.bytes);
  return object;
}

// The first class whose objects all have the alignment, or kClasses. Slabs start at granules, so a class
// whose size is a multiple of the alignment has it.
std::size_t alignedClass(std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes > kLargestClass || alignment > pages::kGranuleBytes) return kClasses;
  std::size_t c = classFor(bytes);
  while (c < kClasses && (kSizeClasses[c].size & (alignment - 1)) != 0) ++c;
  return c;
}

// A medium class that would need a new slab takes an object of the next classes instead, if these have one
// lying idle: populations of neighbouring classes fluctuate apart, and a fresh slab costs more than an eighth
// or a quarter of one object.
std::size_t classWithRoom(const Heap& heap, std::size_t c) noexcept {
  if (kSizeClasses[c].size <= kLargestSmall || hasFree(heap, static_cast<std::uint8_t>(c))) return c;
  for (std::size_t up = c + 1; up <= c + kLendingClasses && up < kClasses; ++up) {
    if (hasFree(heap, static_cast<std::uint8_t>(up))) return up;
  }
  return c;
}

}  // namespace

bool initialise() noexcept {
  if (initialised.load(std::memory_order_acquire)) return true;  // pairs with the store below
  if (!pages::initialise()) return false;
  static constinit base::Mutex once;
  base::MutexGuard guard(once);
  if (initialised.load(std::memory_order_relaxed)) return true;
  initialiseSlabMap();
  initialised.store(true, std::memory_order_release);
  return true;
}

void* allocate(const Request& request) noexcept {
  Heap* heap = heldHeap();
  if (heap == nullptr) {
    if (!initialise()) return nullptr;
    heap = acquire();
    if (heap == nullptr) return nullptr;
  }
  const std::size_t c = request.alignment > 8            ? alignedClass(request.bytes, request.alignment)
                        : request.bytes <= kLargestClass ? classWithRoom(*heap, classFor(request.bytes))
                                                         : kClasses;
  void* object =
      c < kClasses ? fromClass(*heap, static_cast<std::uint8_t>(c), request) : allocateLarge(heap, request);
  if (isLoan(heap)) [[unlikely]]
    endLoan(heap);
  if (object == nullptr) errno = ENOMEM;
  if (os::helperIsWanted()) [[unlikely]] {
    // acquire: pairs with the release of allowHelper().
    if (const auto start = os::helperStarter.load(std::memory_order_acquire)) start(request.frame);
  }
  return object;
}

std::size_t releaseFreeMemory() noexcept {
  if (!initialise()) return 0;
  const bool held = heldHeap() != nullptr;
  parkOwn();
  const std::uint64_t trimmed = trimEverything(true);
  if (held) acquire();  // most likely the same again, the last that was parked
  return trimmed + pages::purge(0);
}

}  // namespace heapprof::heap
