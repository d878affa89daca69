// The one table of size classes, generated here at compile time.
//
//   8, 16, 32 .. 128        steps of 16: 8 only for requests that need no 16-byte alignment
//   160 .. 1024             four per doubling
//   to 4 KiB                divisors of the one-granule slab, up to eight per doubling
//   to 256 KiB              eight per doubling, in slabs of several granules (medium)
//
// A medium class has slabs of several shapes, each of twice the objects or more: a heap's first slab of it is
// small, so that many threads with few objects each do not hold mostly free slots (runtime/heap/README.md).
//
// Invariant (checked below): sizes rise; every size but 8 is a multiple of 16; the tail waste of a class's
// largest shape is under 2%, of the others an eighth, of the smallest a quarter: address space, touched by
// nobody; every request n is served by the first class >= n.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/pages/granule.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {

struct SlabShape {
  std::uint16_t granules;
  std::uint16_t capacity;  // objects
};
inline constexpr std::size_t kMostShapes = 7;

struct SizeClass {
  std::uint32_t size;
  std::uint16_t carveBatch;   // objects threaded at a time when memory is fresh: 4 KiB's worth
  std::uint16_t remoteBatch;  // remote frees kept back before they are pushed: 4 KiB's worth
  SlabShape shapes[kMostShapes];
  std::uint16_t shapeCount;

  constexpr const SlabShape& smallest() const noexcept { return shapes[0]; }
  constexpr const SlabShape& largest() const noexcept { return shapes[shapeCount - 1]; }
};

inline constexpr std::size_t kLargestSmall = 4096;        // classes to here live in one-granule slabs
inline constexpr std::size_t kLargestClass = 256 * 1024;  // larger requests get spans of their own
inline constexpr std::size_t kFastLimit = 1024;           // served by the table in the heap itself
inline constexpr std::size_t kMaxClasses = 88;

namespace detail {

// Less than one part in `parts` of the slab.
constexpr bool wastesLess(std::size_t size, std::size_t granules, std::size_t parts) noexcept {
  const std::size_t slab = granules * pages::kGranuleBytes;
  return slab >= size && (slab % size) * parts < slab;
}

constexpr std::size_t capacityOf(std::size_t size, std::size_t granules) noexcept {
  return granules * pages::kGranuleBytes / size;
}

// A slab of few objects comes and goes at every other call; four keep that rare, as long as the slab stays
// moderate.
constexpr bool holdsEnough(std::size_t size, std::size_t granules) noexcept {
  return granules * pages::kGranuleBytes >= 4 * size || (granules + 1) * pages::kGranuleBytes > 8 * 32768;
}

constexpr std::size_t granulesOfLargest(std::size_t size) noexcept {
  std::size_t granules = 1;
  while (!(wastesLess(size, granules, 50) && holdsEnough(size, granules)) && granules < pages::kLargestMedium)
    ++granules;
  return granules;
}

constexpr SizeClass describe(std::size_t size) noexcept {
  const std::size_t batch = size >= 4096 ? 1 : 4096 / size;
  SizeClass row = {};
  row.size = static_cast<std::uint32_t>(size);
  row.carveBatch = static_cast<std::uint16_t>(batch);
  row.remoteBatch = static_cast<std::uint16_t>(batch > 64 ? 64 : batch);
  const std::size_t most = granulesOfLargest(size);
  std::size_t wanted = 1;
  for (std::size_t granules = 1; granules < most && row.shapeCount + 1u < kMostShapes; ++granules) {
    const std::size_t capacity = capacityOf(size, granules);
    if (capacity < wanted || 2 * capacity > capacityOf(size, most)) continue;
    if (!wastesLess(size, granules, row.shapeCount == 0 ? 4 : 8)) continue;
    row.shapes[row.shapeCount++] = {static_cast<std::uint16_t>(granules),
                                    static_cast<std::uint16_t>(capacity)};
    wanted = 2 * capacity;
  }
  row.shapes[row.shapeCount++] = {static_cast<std::uint16_t>(most),
                                  static_cast<std::uint16_t>(capacityOf(size, most))};
  return row;
}

struct Table {
  std::array<SizeClass, kMaxClasses> rows{};
  std::size_t count = 0;
  constexpr void add(std::size_t size) noexcept {
    if (count == 0 || rows[count - 1].size < size) rows[count++] = describe(size);
  }
};

constexpr Table generate() noexcept {
  Table table;
  table.add(8);
  for (std::size_t size = 16; size <= 128; size += 16) table.add(size);
  for (std::size_t base = 128; base < 1024; base *= 2) {
    for (std::size_t i = 5; i <= 8; ++i) table.add(base * i / 4);
  }
  for (std::size_t base = 1024; base < kLargestSmall; base *= 2) {
    for (std::size_t i = 9; i <= 16; ++i) {
      table.add(pages::kGranuleBytes / (pages::kGranuleBytes / (base * i / 8)) & ~std::size_t{15});
    }
  }
  for (std::size_t base = kLargestSmall; base < kLargestClass; base *= 2) {
    for (std::size_t i = 9; i <= 16; ++i) table.add(base * i / 8);
  }
  return table;
}

inline constexpr Table kTable = generate();

}  // namespace detail

inline constexpr std::size_t kClasses = detail::kTable.count;
inline constexpr const std::array<SizeClass, kMaxClasses>& kSizeClasses = detail::kTable.rows;
static_assert(kClasses < kMaxClasses && kSizeClasses[kClasses - 1].size == kLargestClass);

constexpr bool isMedium(std::size_t sizeClass) noexcept {
  return kSizeClasses[sizeClass].size > kLargestSmall;
}

// For the next slab of a heap that has so many objects of the class out: no more than doubles them.
constexpr const SlabShape& shapeFor(std::size_t sizeClass, std::uint64_t out) noexcept {
  const SizeClass& row = kSizeClasses[sizeClass];
  std::size_t i = row.shapeCount - 1u;
  while (i > 0 && row.shapes[i].capacity > out) --i;
  return row.shapes[i];
}

// Frees before a full slab is looked at again.
constexpr std::uint16_t wakeAfter(std::uint16_t capacity) noexcept {
  const int quarter = capacity / 4;
  return static_cast<std::uint16_t>(quarter < 1 ? 1 : quarter > 32 ? 32 : quarter);
}

// The slow, obvious way; the lookup tables are made of it.
constexpr std::uint8_t searchClass(std::size_t bytes) noexcept {
  std::uint8_t index = 0;
  while (kSizeClasses[index].size < bytes) ++index;
  return index;
}

namespace detail {

template <std::size_t kEntries, unsigned kShift>
constexpr std::array<std::uint8_t, kEntries> lookup() noexcept {
  std::array<std::uint8_t, kEntries> table{};
  for (std::size_t i = 0; i < kEntries; ++i) table[i] = searchClass(i << kShift);
  return table;
}

inline constexpr auto kBy8 = lookup<(kFastLimit >> 3) + 1, 3>();
inline constexpr auto kBy16 = lookup<(kLargestSmall >> 4) + 1, 4>();
inline constexpr auto kBy512 = lookup<(kLargestClass >> 9) + 1, 9>();

}  // namespace detail

// bytes <= kLargestClass.
constexpr std::uint8_t classFor(std::size_t bytes) noexcept {
  if (bytes <= kFastLimit) return detail::kBy8[(bytes + 7) >> 3];
  if (bytes <= kLargestSmall) return detail::kBy16[(bytes + 15) >> 4];
  return detail::kBy512[(bytes + 511) >> 9];
}

namespace detail {
constexpr bool tableIsSound() noexcept {
  for (std::size_t i = 0; i < kClasses; ++i) {
    const SizeClass& row = kSizeClasses[i];
    if (i > 0 && (row.size % 16 != 0 || row.size <= kSizeClasses[i - 1].size)) return false;
    if (!wastesLess(row.size, row.largest().granules, 50) || row.largest().capacity > 0x3fff) return false;
    if (row.size <= kLargestSmall && (row.shapeCount != 1 || row.largest().granules != 1)) return false;
    if (row.size > kLargestSmall && row.size % 512 != 0) return false;
    for (std::size_t k = 0; k < row.shapeCount; ++k) {
      const std::uint16_t capacity = row.shapes[k].capacity;
      if (capacity == 0 || 2u * wakeAfter(capacity) > capacity + 1u) return false;
      if (k != 0 && capacity < 2 * row.shapes[k - 1].capacity) return false;
    }
  }
  return true;
}
static_assert(tableIsSound());

constexpr bool roundedRequestsAreAligned() noexcept {
  for (std::size_t alignment = 1; alignment <= kFastLimit; alignment *= 2) {
    for (std::size_t bytes = alignment; bytes <= kFastLimit; bytes += alignment) {
      if (kSizeClasses[classFor(bytes)].size % alignment != 0) return false;
    }
  }
  return true;
}
static_assert(roundedRequestsAreAligned());
}  // namespace detail

}  // namespace heapprof::heap
