// The heap, seen from the dump: a linear scan of descriptors and the books of heaps. Lock-free reads of a
// moving target: each row is one descriptor's consistent copy where possible, and `exact` says whether the
// owner could have moved it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::heap {

enum class ExtentKind : std::uint8_t {
  kUnknown,
  kSmallSlab,
  kMediumSlab,
  kLarge,
  kFreeDirty,
  kFreePurged,
  kMetadata,
  kUnused
};  // = ExtentKind in heap_snapshot.proto

struct Extent {
  std::uintptr_t start;
  std::size_t bytes;
  ExtentKind kind;
  std::uint32_t sizeClass;   // index for slabs, kNoClass otherwise
  std::uint64_t objectSize;  // slabs: class size; large: allocated size
  std::uint64_t capacity;    // objects
  std::uint64_t carved;  // objects ever handed to a bin since the slab was made; memory beyond was never used
  std::uint64_t outstanding;  // handed out and not yet come back; includes `cached`
  std::uint64_t cached;       // of these, in its heap's bin or in a remote cache (best knowledge)
  std::uint64_t owner;        // heap number, 0: none
  bool exact;
  std::uint64_t trimmed = 0;  // carved objects that are free and start in pages that were given back
};
inline constexpr std::uint32_t kNoClass = 0xffffffffu;

// Rows in address order over [regionStart, high water mark).
void forEachExtent(void (*visit)(void* context, const Extent& extent), void* context) noexcept;

struct Region {
  std::uintptr_t start;
  std::size_t reservedBytes;
  std::size_t usedBytes;  // high water mark: nothing above it was ever committed
  std::size_t granuleBytes;
  std::size_t placementBytes;  // 2 MiB
};
Region region() noexcept;

struct HugePageRow {
  std::uint64_t index;          // from region start
  const std::uint64_t* used;    // bitmap words, placementBytes / granuleBytes bits
  const std::uint64_t* backed;  // the page layer's belief
  std::size_t words;
  std::uint64_t bornNanos;  // monotonic, 0: unknown
  std::uint32_t purges, refaults;
  bool formed;  // made one huge page by us, and no part of it given back since
};
void forEachHugePage(void (*visit)(void* context, const HugePageRow& row), void* context) noexcept;

struct ClassRow {
  std::uint32_t index;
  std::uint64_t size, slabBytes, slabs, outstanding, capacity, cached;
  std::uint64_t allocations, frees;  // cumulative, by refill batch
};
void forEachClass(void (*visit)(void* context, const ClassRow& row), void* context) noexcept;

struct HeapRow {
  std::uint64_t number;
  std::uint64_t threadId;        // kernel id of the thread that holds it; 0: parked
  std::uint64_t cachedBytes;     // in bins and the remote cache
  std::uint64_t allocatedBytes;  // cumulative, by refill batch
  std::uint64_t freedBytes;
};
void forEachHeap(void (*visit)(void* context, const HeapRow& row), void* context) noexcept;

struct Totals {
  std::uint64_t outstandingBytes, outstandingObjects;  // includes cached
  std::uint64_t cachedBytes;
  std::uint64_t allocatedBytes, allocatedObjects;  // cumulative, by refill batch
  std::uint64_t forkLostBytes;
  std::uint64_t largeBytes, largeCount;
};
Totals totals() noexcept;

// What the program holds, by allocated size. Needs little stack.
std::uint64_t liveBytes() noexcept;

}  // namespace heapprof::heap
