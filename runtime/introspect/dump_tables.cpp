#include <cstring>

#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"
#include "runtime/sampling/read.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kRowsPerChunk = 2048;

template <std::size_t N>
Columns makeColumns(DumpContext& dump, std::uint32_t table, const ColumnSpec (&specs)[N]) noexcept {
  return Columns(dump.writer, dump.memory, table, specs, N, kRowsPerChunk);
}

std::uint64_t rounded(double value) noexcept {
  return value > 0 ? static_cast<std::uint64_t>(value + 0.5) : 0;
}

// Threads and what their heaps hold; heaps that no thread holds are one row with id 0.
class ThreadRows {
 public:
  ThreadRows(DumpContext& dump, Columns& columns) noexcept : dump_(dump), columns_(columns) {}

  void add(const heap::HeapRow& row) noexcept {
    if (row.threadId == 0) {
      ++parkedHeaps_;
      parked_.cachedBytes += row.cachedBytes;
      parked_.allocatedBytes += row.allocatedBytes;
      parked_.freedBytes += row.freedBytes;
      return;
    }
    char path[40];
    Text text(path, sizeof path);
    text.add("task/").decimal(row.threadId).add("/comm");
    char name[64];
    long length = readSmallFile(ProcSelf(path), name, sizeof name);
    const bool alive = length > 0;
    if (alive && name[length - 1] == '\n') {
      name[length - 1] = '\0';
    }
    put(row, alive ? name : "", alive);
  }

  void finish() noexcept {
    if (parkedHeaps_ != 0) {
      put(parked_, "(ended threads)", false);
    }
    columns_.finish();
  }

 private:
  void put(const heap::HeapRow& row, const char* name, bool alive) noexcept {
    columns_.put(1, row.threadId);
    columns_.put(2, dump_.snapshotStrings.add(name));
    columns_.put(3, row.cachedBytes);
    columns_.put(4, row.allocatedBytes);
    columns_.put(5, row.freedBytes);
    columns_.put(6, alive ? 1 : 0);
    columns_.endRow();
  }

  DumpContext& dump_;
  Columns& columns_;
  heap::HeapRow parked_{};
  std::uint64_t parkedHeaps_ = 0;
};

}  // namespace

bool writeSizeClasses(DumpContext& dump) noexcept {
  const bool resident = dump.waterfall.live.known;
  const bool requested = dump.waterfall.classesEstimated;
  const ColumnSpec specs[] = {{1, Coding::kVarint},
                              {2, Coding::kVarint},
                              {3, Coding::kVarint},
                              {4, Coding::kVarint},
                              {5, Coding::kVarint},
                              {6, Coding::kVarint},
                              {7, Coding::kVarint},
                              {8, Coding::kVarint},
                              {9, Coding::kVarint, 1, resident},
                              {10, Coding::kVarint, 1, requested},
                              {11, Coding::kVarint, 1, requested}};
  Columns columns = makeColumns(dump, 3, specs);
  for (std::size_t i = 0; i < dump.classes.size(); ++i) {
    const ClassFigures& figures = dump.classes[i];
    const heap::ClassRow& row = figures.row;
    columns.put(1, row.size);
    columns.put(2, row.slabBytes);
    columns.put(3, row.slabs);
    columns.put(4, row.outstanding > row.cached ? row.outstanding - row.cached : 0);
    columns.put(5, row.capacity);
    columns.put(6, row.cached);
    columns.put(7, row.allocations);
    columns.put(8, row.frees);
    columns.put(9, figures.residentBytes);
    columns.put(10, rounded(figures.requestedBytes));
    columns.put(11, rounded(figures.requestedStderr));
    columns.endRow();
  }
  columns.finish();
  return columns.valid();
}

bool writeThreads(DumpContext& dump) noexcept {
  const ColumnSpec specs[] = {{1, Coding::kVarint}, {2, Coding::kVarint}, {3, Coding::kVarint},
                              {4, Coding::kVarint}, {5, Coding::kVarint}, {6, Coding::kVarint}};
  Columns columns = makeColumns(dump, 9, specs);
  ThreadRows rows(dump, columns);
  heap::forEachHeap(
      [](void* context, const heap::HeapRow& row) { static_cast<ThreadRows*>(context)->add(row); }, &rows);
  rows.finish();
  return columns.valid();
}

bool writeLiveSamples(DumpContext& dump) noexcept {
  const ColumnSpec specs[] = {{1, Coding::kFixed64}, {2, Coding::kVarint}, {3, Coding::kVarint},
                              {4, Coding::kVarint},  {5, Coding::kVarint}, {6, Coding::kVarint},
                              {7, Coding::kVarint},  {8, Coding::kVarint}, {9, Coding::kVarint}};
  Columns columns = makeColumns(dump, 6, specs);
  struct Context {
    Columns& columns;
    std::uint64_t now;
  } context{columns, dump.times.dumpMonotonic};
  sampling::forEachLive(
      [](void* opaque, const sampling::LiveRecord& record) {
        auto& c = *static_cast<Context*>(opaque);
        c.columns.put(1, record.address);
        c.columns.put(2, record.allocated);
        c.columns.put(3, record.requested);
        c.columns.put(4, record.siteId);
        c.columns.put(5, record.threadId);
        c.columns.put(6, c.now > record.bornNanos ? c.now - record.bornNanos : 0);
        c.columns.put(7, static_cast<std::uint64_t>(record.kind));
        c.columns.put(8, record.interval);
        c.columns.put(9, record.alignment);
        c.columns.endRow();
      },
      &context);
  columns.finish();
  return columns.valid();
}

}  // namespace heapprof::introspect
