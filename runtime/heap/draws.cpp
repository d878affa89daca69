#include "runtime/heap/draws.h"

#include "runtime/config/options.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"
#include "runtime/os/os.h"
#include "runtime/sampling/sampler.h"

extern char** environ;

namespace heapprof::heap {
namespace {

// fork() may have been called by a signal handler that interrupts malloc() between its read of the bin's
// first object and its write of the second to the bin. So these two never go back to the slab.
constexpr std::uint32_t kInHand = 2;

bool isSeeded() noexcept {
  return environ != nullptr && config::options().hasSeed;
}

// Siblings differ in their ids even if they read the clock in the same nanosecond.
std::uint64_t freshSeed() noexcept {
  return os::calls().monotonicNanos() ^ os::threadId() << 40;
}

bool isDrawn(const Heap& heap, std::uint8_t c) noexcept {
  return heap.untilSample[c] != sampling::kNever && heap.drawnInterval[c] > 1;
}

std::uint64_t freshGap(Heap& heap, std::uint8_t c) noexcept {
  return sampling::objectsUntilSample(heap.random, kSizeClasses[c].size, heap.drawnInterval[c]);
}

// The length of a small class's bin; false where it is no list, because the program wrote to freed memory:
// then it may be a crash handler that forks, and its child must not crash as well.
bool countBin(const Heap& heap, std::uint8_t c, std::uint32_t* count) noexcept {
  *count = 0;
  const void* at = heap.bins[c];
  if (at == nullptr) return true;
  const Slab* slab = heap.current[c];
  if (slab == nullptr) return false;
  const std::uintptr_t start = startOf(slab);
  const std::uintptr_t bytes = std::uintptr_t{slab->granules} << pages::kGranuleShift;
  for (; at != nullptr; at = nextObject(const_cast<void*>(at))) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(at) - start;
    if (offset >= bytes || (offset & 7) != 0 || ++*count > slab->carved) return false;
  }
  return true;
}

// Leaves `kept` objects in the bin; the others go back to the slab. Of the first two what is not kept is lost
// to the child: it happens to one class in T/size.
void cutBin(Heap& heap, std::uint8_t c, std::uint32_t count, std::uint32_t kept) noexcept {
  void* const first = heap.bins[c];
  const std::uint32_t passed = kept > kInHand ? kept : count < kInHand ? count : kInHand;
  void* last = first;
  for (std::uint32_t i = 1; i < passed; ++i) last = nextObject(last);
  const Chain rest = {nextObject(last), count - passed, false, false};
  nextObject(last) = nullptr;
  if (kept == 1) nextObject(first) = nullptr;
  if (kept == 0) heap.bins[c] = nullptr;
  heap.allocated[c] -= rest.count;
  putBack(heap, c, rest);
}

// The objects in the bin are part of the gap: that it ends where it does may be news of the sample behind it.
void redrawSmall(Heap& heap, std::uint8_t c) noexcept {
  std::uint32_t inBin = 0;
  if (!countBin(heap, c, &inBin)) return;
  const std::uint64_t gap = freshGap(heap, c);
  heap.untilSample[c] = gap < inBin ? 0 : gap - inBin;
  if (gap < inBin) cutBin(heap, c, inBin, static_cast<std::uint32_t>(gap));
}

}  // namespace

void seedHeap(Heap& heap) noexcept {
  heap.random.reseed(isSeeded() ? config::options().seed : freshSeed(), heap.number);
}

void redrawHeld(Heap& heap) noexcept {
  if (isSeeded()) return;
  heap.random.reseed(heap.random.next() ^ freshSeed(), heap.number);
  for (std::uint8_t c = 0; c < kClasses; ++c) {
    if (!isDrawn(heap, c)) continue;
    if (isMedium(c)) {
      heap.untilSample[c] = freshGap(heap, c);
    } else {
      redrawSmall(heap, c);
    }
  }
}

void redrawParked(Heap& heap) noexcept {
  if (isSeeded()) return;
  heap.random.reseed(heap.random.next() ^ freshSeed(), heap.number);
  for (std::uint8_t c = 0; c < kClasses; ++c) {
    if (isDrawn(heap, c)) heap.untilSample[c] = freshGap(heap, c);
  }
}

}  // namespace heapprof::heap
