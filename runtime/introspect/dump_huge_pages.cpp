#include <cstring>

#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kRowsPerChunk = 1024;
constexpr std::size_t kMaxPageWords = 64;  // 2 MiB of 4 KiB pages takes 8

enum class KernelState : std::uint8_t {
  kUnknown,
  kNone,
  kSmall,
  kHuge,
  kMixed
};  // = KernelState in the schema

KernelState stateOf(const PageBytes& pages, std::uint64_t unitBytes, bool knowsHuge) noexcept {
  if (pages.resident == 0) {
    return KernelState::kNone;
  }
  if (!knowsHuge) {
    // Part of a huge page cannot be missing, so a part that is resident alone is on small pages.
    return pages.resident < unitBytes ? KernelState::kSmall : KernelState::kUnknown;
  }
  if (pages.huge == 0) {
    return KernelState::kSmall;
  }
  return pages.huge == unitBytes ? KernelState::kHuge : KernelState::kMixed;
}

struct Shape {
  std::size_t bitmapWords = 0;
  bool agesKnown = true;
};

struct RowWriter {
  DumpContext& dump;
  Columns& columns;
  heap::Region region;
  std::size_t bitmapWords;
  std::size_t pages;
  std::uint64_t lastIndex = 0;

  void write(const heap::HugePageRow& row) noexcept {
    const std::uintptr_t start = region.start + row.index * region.placementBytes;
    columns.put(1, columns.atChunkStart() ? row.index : row.index - lastIndex);
    lastIndex = row.index;
    for (std::size_t i = 0; i < bitmapWords; ++i) {
      columns.put(2, i < row.words ? row.used[i] : 0);
      columns.put(3, i < row.words ? row.backed[i] : 0);
    }
    const PageBytes truth = dump.truth.within(start, start + region.placementBytes);
    columns.put(4, static_cast<std::uint64_t>(stateOf(truth, region.placementBytes, dump.truth.knowsHuge())));
    columns.put(5, truth.resident);
    columns.put(6, truth.swapped);
    const std::uint64_t now = dump.times.dumpMonotonic;
    columns.put(7, now > row.bornNanos ? now - row.bornNanos : 0);
    columns.put(8, row.purges);
    columns.put(9, row.refaults);
    columns.put(10, row.index < dump.placement.units && dump.placement.liveBytes != nullptr
                        ? dump.placement.liveBytes[row.index]
                        : 0);
    if (dump.truth.known()) {
      std::uint64_t words[kMaxPageWords];
      dump.truth.residentBits(start, pages, words);
      for (std::size_t i = 0; i < (pages + 63) / 64; ++i) {
        columns.put(11, words[i]);
      }
    }
    columns.put(12, row.formed ? 1 : 0);
    columns.endRow();
  }
};

}  // namespace

bool writeHugePages(DumpContext& dump) noexcept {
  const heap::Region region = heap::region();
  const std::size_t page = os::geometry().pageBytes;
  if (region.placementBytes == 0 || region.granuleBytes == 0 || page == 0) {
    return true;  // there is no heap yet
  }
  Shape shape;
  shape.bitmapWords = (region.placementBytes / region.granuleBytes + 63) / 64;
  heap::forEachHugePage(
      [](void* context, const heap::HugePageRow& row) {
        if (row.bornNanos == 0) {
          static_cast<Shape*>(context)->agesKnown = false;
        }
      },
      &shape);
  const std::size_t pages = region.placementBytes / page;
  const auto pageWords = static_cast<std::uint32_t>((pages + 63) / 64);
  const bool truth = dump.truth.known() && pageWords <= kMaxPageWords;
  const auto bitmapWords = static_cast<std::uint32_t>(shape.bitmapWords);
  const ColumnSpec specs[] = {{1, Coding::kVarint},
                              {2, Coding::kFixed64, bitmapWords},
                              {3, Coding::kFixed64, bitmapWords},
                              {4, Coding::kVarint, 1, truth},
                              {5, Coding::kVarint, 1, truth},
                              {6, Coding::kVarint, 1, truth},
                              {7, Coding::kVarint, 1, shape.agesKnown},
                              {8, Coding::kVarint},
                              {9, Coding::kVarint},
                              {10, Coding::kVarint, 1, dump.placement.liveBytes != nullptr},
                              {11, Coding::kFixed64, pageWords, truth},
                              {12, Coding::kVarint}};
  Columns columns(dump.writer, dump.memory, 5, specs, sizeof specs / sizeof specs[0], kRowsPerChunk);
  if (!columns.valid()) {
    return false;
  }
  RowWriter writer{dump, columns, region, shape.bitmapWords, pages};
  heap::forEachHugePage(
      [](void* context, const heap::HugePageRow& row) { static_cast<RowWriter*>(context)->write(row); },
      &writer);
  columns.finish();
  return true;
}

}  // namespace heapprof::introspect
