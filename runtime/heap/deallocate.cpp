// free's slow side, and what else starts from a pointer.
#include <cstring>
#include <dlfcn.h>
#include <errno.h>

#include "runtime/base/fatal.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/large.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"

namespace heapprof::heap {
namespace {

constinit std::atomic<std::uint64_t> foreignFrees{0};

// The slab or span that the object is in; null for addresses that are not ours.
Slab* slabOfObject(const void* pointer) noexcept {
  Slab* slab = findSlab(pointer);
  return slab == nullptr ? nullptr : firstOf(slab);
}

void freeRemotely(Slab* slab, void* pointer) noexcept {
  Heap* heap = heldHeap();
  if (heap == nullptr && threadMayHold()) {
    // A new thread's first call: what it was handed by one that has ended it will go on with. The adopted
    // heap may be the very one that the object belongs to.
    Heap* owner = ownerOf(slab->owner.load(std::memory_order_relaxed));
    heap = acquire(owner);
    if (heap != nullptr && heap == owner) {
      freeToSlab(slab, pointer);
      return;
    }
  }
  if (heap != nullptr && !isLoan(heap)) {
    cacheRemoteFree(*heap, slab, pointer);
  } else {
    pushRemote(slab, pointer, pointer, 1);
  }
}

[[gnu::noinline]] void deallocateRare(Slab* slab, std::uint64_t owner, void* pointer) noexcept {
  // Before anything else: once the object is in another thread's list, its address may be handed out again.
  if (mayBeSampled(slab, pointer)) forgetSample(slab, pointer);
  if (slab->kind == SlabKind::kSlab && ownerOf(owner) == heldHeap()) return freeToSlab(slab, pointer);
  if (slab->kind == SlabKind::kLarge) {
    freeLarge(slab, pointer);
  } else if (slab->kind == SlabKind::kSlab) {
    freeRemotely(slab, pointer);
  } else {
    base::fatal("free() of an address that is not allocated (double free?)");
  }
}

// A block of another allocator, made before ours was in place. Its memory is not ours to touch: only the next
// malloc_usable_size knows how much may be copied.
std::size_t foreignSize(void* pointer) noexcept {
  using UsableSize = std::size_t (*)(void*);
  auto next = reinterpret_cast<UsableSize>(dlsym(RTLD_NEXT, "malloc_usable_size"));
  return next == nullptr ? 0 : next(pointer);
}

}  // namespace

// `self` is read once: upkeep may take it from a thread for a moment (pool.cpp).
void deallocateIn(Slab* slab, void* pointer) noexcept {
  const std::uint64_t owner = slab->owner.load(std::memory_order_relaxed);
  HeapFront* const front = ownFront();
  if (owner == (reinterpret_cast<std::uint64_t>(front) | kMediumOwner)) [[likely]]
    return freeMedium(*static_cast<Heap*>(front), slab, pointer);
  if (owner == (reinterpret_cast<std::uint64_t>(front) | kWatchedOwner)) {
    if (mayBeSampled(slab, pointer)) [[unlikely]]
      forgetSample(slab, pointer);
    return freeToSlab(slab, pointer);
  }
  deallocateRare(firstOf(slab), owner, pointer);
}

void deallocateElsewhere(void* pointer) noexcept {
  if (pointer == nullptr) return;
  Slab* slab = slabOfObject(pointer);
  if (slab == nullptr) {
    // Another allocator's. Ignoring it leaks a block; handing it on could corrupt that allocator's heap.
    foreignFrees.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  deallocateRare(slab, slab->owner.load(std::memory_order_relaxed), pointer);
}

void freeToSlab(Slab* slab, void* object) noexcept {
  pushLocal(*slab, object);
  if (--slab->countdown == 0) countdownEnded(slab);
}

void countdownEnded(Slab* slab) noexcept {
  lookAt(*ownerOf(slab->owner.load(std::memory_order_relaxed)), slab);
}

std::size_t usableSize(const void* pointer) noexcept {
  if (pointer == nullptr) return 0;
  const Slab* slab = slabOfObject(pointer);
  if (slab == nullptr) return 0;
  if (slab->kind == SlabKind::kLarge) return largeBytes(slab);
  return slab->kind == SlabKind::kSlab ? kSizeClasses[slab->sizeClass].size : 0;
}

void* reallocate(void* pointer, std::size_t bytes, const void* frame) noexcept {
  const Request request = {bytes, 0, sampling::Kind::kRealloc, false, frame};
  if (pointer == nullptr) return allocate(request);
  Slab* slab = slabOfObject(pointer);
  std::size_t old = 0;
  if (slab == nullptr) {
    old = foreignSize(pointer);
  } else if (slab->kind == SlabKind::kLarge) {
    // A thread that has allocated nothing yet gets a heap here: growth is drawn from its random numbers.
    Heap* heap = threadMayHold() ? acquire() : nullptr;
    if (resizeLarge(heap, slab, pointer, bytes, frame)) return pointer;
    old = largeBytes(slab);
  } else if (slab->kind == SlabKind::kSlab) {
    old = kSizeClasses[slab->sizeClass].size;
    // In place as long as it fits and at least half of it stays in use.
    if (bytes <= old && bytes >= old / 2 && bytes != 0) {
      if (mayBeSampled(slab, pointer)) {
        base::Random random(bytes);  // the allocated size stays, so nothing is drawn
        resizeSample(slab, pointer, bytes, old, random);
      }
      return pointer;
    }
  } else {
    base::fatal("realloc() of an address that is not allocated");
  }
  void* fresh = allocate(request);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, pointer, old < bytes ? old : bytes);
  deallocateElsewhere(pointer);
  return fresh;
}

}  // namespace heapprof::heap
