#include <new>

#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/extent_walk.h"
#include "runtime/introspect/own_memory.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kRowsPerChunk = 2048;
constexpr std::uint64_t kMaxRows = 1000000;

// How much neighbours are merged: as little as keeps the table bounded.
enum class Detail : std::uint8_t {
  kEachSlab,   // neighbours share a row only if it loses nothing: free ranges, slabs that are full
  kRuns,       // neighbours of one kind and class share a row
  kPlacement,  // one row a placement unit, kind and class: `start` is the unit's, `length` the sum
};

struct Row {
  std::uintptr_t start = 0;
  std::uint64_t bytes = 0;
  heap::ExtentKind kind = heap::ExtentKind::kUnknown;
  std::uint64_t objectSize = 0;
  std::uint64_t live = 0;
  std::uint64_t capacity = 0;
  std::uint64_t resident = 0;  // kPlacement only; else taken when the row is written
  std::uint64_t owner = 0;
};

bool isSlab(heap::ExtentKind kind) noexcept {
  return kind == heap::ExtentKind::kSmallSlab || kind == heap::ExtentKind::kMediumSlab;
}

Row rowOf(const heap::Extent& extent) noexcept {
  Row row;
  row.start = extent.start;
  row.bytes = extent.bytes;
  row.kind = extent.kind;
  row.owner = extent.owner;
  if (extent.kind == heap::ExtentKind::kLarge) {
    row.live = row.capacity = 1;
    row.objectSize = extent.objectSize;
  } else if (isSlab(extent.kind)) {
    row.live = extent.outstanding > extent.cached ? extent.outstanding - extent.cached : 0;
    row.capacity = extent.capacity;
    row.objectSize = extent.objectSize;
  }
  return row;
}

// Turns extents into rows at one level of detail; without columns it only counts them.
class RowMaker {
 public:
  RowMaker(DumpContext& dump, Detail detail, Columns* columns) noexcept
      : dump_(dump), detail_(detail), columns_(columns), region_(heap::region()) {}

  void add(const heap::Extent& extent) noexcept {
    const Row row = rowOf(extent);
    if (detail_ == Detail::kPlacement) {
      addToUnit(row);
      return;
    }
    if (pendingCount_ != 0 && mergeable(pending_[0], row)) {
      merge(pending_[0], row);
      return;
    }
    flush();
    pending_[0] = row;
    pendingCount_ = 1;
  }

  std::uint64_t finish() noexcept {
    flush();
    return rows_;
  }

 private:
  static constexpr std::size_t kMaxPending = 96;

  bool mergeable(const Row& before, const Row& row) const noexcept {
    if (before.kind != row.kind || before.objectSize != row.objectSize ||
        before.start + before.bytes != row.start) {
      return false;
    }
    if (detail_ == Detail::kRuns) {
      return true;
    }
    if (row.kind == heap::ExtentKind::kLarge) {
      return false;
    }
    return !isSlab(row.kind) ||
           (before.live == before.capacity && row.live == row.capacity && before.owner == row.owner);
  }

  static void merge(Row& into, const Row& row) noexcept {
    into.bytes += row.bytes;
    into.live += row.live;
    into.capacity += row.capacity;
    into.owner = into.owner == row.owner ? into.owner : 0;
  }

  // Spans of several units stay whole: they are few.
  void addToUnit(Row row) noexcept {
    const std::uintptr_t unit =
        region_.start + (row.start - region_.start) / region_.placementBytes * region_.placementBytes;
    if (pendingCount_ != 0 && (unit != unit_ || pendingCount_ == kMaxPending)) {
      flush();
    }
    unit_ = unit;
    if (columns_ != nullptr) {
      row.resident = dump_.truth.within(row.start, row.start + row.bytes).resident;
    }
    row.start = unit;
    for (std::size_t i = 0; i < pendingCount_; ++i) {
      if (pending_[i].kind == row.kind && pending_[i].objectSize == row.objectSize) {
        pending_[i].resident += row.resident;
        merge(pending_[i], row);
        return;
      }
    }
    pending_[pendingCount_++] = row;
  }

  void flush() noexcept {
    for (std::size_t i = 0; i < pendingCount_; ++i) {
      Row& row = pending_[i];
      if (columns_ != nullptr) {
        if (detail_ != Detail::kPlacement) {
          row.resident = dump_.truth.within(row.start, row.start + row.bytes).resident;
        }
        write(row);
      }
      ++rows_;
    }
    pendingCount_ = 0;
  }

  void write(const Row& row) noexcept {
    columns_->put(1, columns_->atChunkStart() ? row.start : row.start - lastStart_);
    lastStart_ = row.start;
    columns_->put(2, row.bytes);
    columns_->put(3, static_cast<std::uint64_t>(row.kind));
    columns_->put(4, row.objectSize);
    columns_->put(5, row.live);
    columns_->put(6, row.capacity);
    columns_->put(7, row.resident);
    columns_->put(8, row.owner);
    columns_->endRow();
  }

  DumpContext& dump_;
  Detail detail_;
  Columns* columns_;
  heap::Region region_;
  Row pending_[kMaxPending];
  std::size_t pendingCount_ = 0;
  std::uintptr_t unit_ = 0;
  std::uintptr_t lastStart_ = 0;
  std::uint64_t rows_ = 0;
};

std::uint64_t makeRows(DumpContext& dump, RowMaker* place, Detail detail, Columns* columns) noexcept {
  auto* maker = new (place) RowMaker(dump, detail, columns);
  walkExtents([](void* context, const heap::Extent& extent) { static_cast<RowMaker*>(context)->add(extent); },
              maker);
  return maker->finish();
}

std::uint64_t granulesOfHeap() noexcept {
  std::uint64_t bytes = 0;
  forEachOwnRange(
      [](void* context, OwnKind kind, std::uintptr_t, std::size_t size) {
        *static_cast<std::uint64_t*>(context) += kind == OwnKind::kHeap ? size : 0;
      },
      &bytes);
  return bytes / heap::region().granuleBytes;
}

}  // namespace

bool writeExtents(DumpContext& dump) noexcept {
  const bool resident = dump.truth.known();
  const ColumnSpec specs[] = {{1, Coding::kVarint},
                              {2, Coding::kVarint},
                              {3, Coding::kVarint},
                              {4, Coding::kVarint},
                              {5, Coding::kVarint},
                              {6, Coding::kVarint},
                              {7, Coding::kVarint, 1, resident},
                              {8, Coding::kVarint}};
  Columns columns(dump.writer, dump.memory, 4, specs, sizeof specs / sizeof specs[0], kRowsPerChunk);
  auto* place = static_cast<RowMaker*>(dump.memory.take(sizeof(RowMaker)));
  if (!columns.valid() || place == nullptr) {
    return false;
  }
  Detail detail = Detail::kEachSlab;
  // A row is a granule at least: most heaps need no counting.
  if (granulesOfHeap() > kMaxRows && makeRows(dump, place, detail, nullptr) > kMaxRows) {
    detail = Detail::kRuns;
    if (makeRows(dump, place, detail, nullptr) > kMaxRows) {
      detail = Detail::kPlacement;
    }
  }
  makeRows(dump, place, detail, &columns);
  columns.finish();
  return true;
}

}  // namespace heapprof::introspect
