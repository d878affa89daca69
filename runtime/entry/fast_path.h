// The two paths that every program takes all day. Each fits on this screen; everything rare is a tail call
// out of it. tests/runtime/entry counts their executed instructions.
#pragma once

#include "runtime/heap/allocator.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/slab_map.h"

#if defined(__SANITIZE_THREAD__)
#define HEAPPROF_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HEAPPROF_TSAN 1
#endif
#endif

namespace heapprof::entry {

// Null: take the slow path.
[[gnu::always_inline]] inline void* allocateFast(std::size_t bytes) noexcept {
  heap::HeapFront* front = heap::self;
  if (bytes > heap::kFastLimit) [[unlikely]]
    return nullptr;
  void*& bin = front->bins[front->classOf[(bytes + 7) >> 3]];
  void* object = bin;
  if (object != nullptr) [[likely]] {
    void* next = heap::nextObject(object);
    bin = next;
    // The class's next call will read its link; by then the line is here.
    __builtin_prefetch(next);
  }
  return object;
}

// Up to kFastLimit the first class that holds a multiple of the alignment is itself one (checked in
// size_classes.h), and slabs start at granules. The alignment must be a power of two.
[[gnu::always_inline]] inline void* allocateAlignedFast(std::size_t alignment, std::size_t bytes) noexcept {
  if (alignment > heap::kFastLimit || bytes > heap::kFastLimit) return nullptr;
  const std::size_t rounded = ((bytes == 0 ? 1 : bytes) + alignment - 1) & ~(alignment - 1);
  return allocateFast(rounded);
}

// malloc for sizes whose class takes a longer look-up; off the fast path.
[[gnu::always_inline]] inline void* allocateMedium(std::size_t bytes) noexcept {
  if (bytes <= heap::kFastLimit || bytes > heap::kLargestClass) return nullptr;
  const std::uint8_t c = heap::classFor(bytes);
  heap::HeapFront* front = heap::ownFront();
  void* object = front->bins[c];
  if (object == nullptr) return nullptr;
  if (bytes > heap::kLargestSmall) {
    std::uint64_t& until = static_cast<heap::Heap*>(front)->untilSample[c];
    if (until == 0) [[unlikely]]
      return nullptr;
    until -= until != sampling::kNever;
  }
  front->bins[c] = heap::nextObject(object);
  return object;
}

// The owner word, without an atomic's separate load: a plain word can be an operand of the compare.
// ThreadSanitizer gets the atomic.
[[gnu::always_inline]] inline std::uint64_t ownerWord(const heap::Slab* slab) noexcept {
#if defined(HEAPPROF_TSAN)
  return slab->owner.load(std::memory_order_relaxed);
#else
  static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
  return *reinterpret_cast<const std::uint64_t*>(&slab->owner);
#endif
}

[[gnu::always_inline]] inline void freeFast(void* pointer) noexcept {
  const std::size_t index =
      (reinterpret_cast<std::uintptr_t>(pointer) - heap::slabMap.base) >> pages::kGranuleShift;
  if (index >= heap::slabMap.granules) [[unlikely]]
    return heap::deallocateElsewhere(pointer);
  heap::Slab* slab = heap::slabMap.table + index;
  if (ownerWord(slab) != reinterpret_cast<std::uint64_t>(heap::self)) [[unlikely]] {
    return heap::deallocateIn(slab, pointer);
  }
  heap::pushLocal(*slab, pointer);
  if (--slab->countdown == 0) [[unlikely]]
    return heap::countdownEnded(slab);
}

}  // namespace heapprof::entry
