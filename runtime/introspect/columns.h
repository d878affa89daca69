// Writes a columnar table of HeapSnapshot as bounded chunks: rows go in one by one, full chunks go out as
// Profile.heap_snapshot { TABLE { packed columns } }.
//
// Invariant: each chunk carries whole rows; every column that is present has the same number of entries in a
// chunk; a column is present in all chunks or in none. Needs rows x 10 bytes a varint column, from dump
// memory. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/wire/writer.h"
#include "runtime/introspect/dump_memory.h"

namespace heapprof::introspect {

inline constexpr std::uint32_t kSnapshotField = 1000;  // Profile.heap_snapshot

enum class Coding : std::uint8_t { kVarint, kFixed64, kDouble };

struct ColumnSpec {
  std::uint32_t field;
  Coding coding;
  std::uint32_t entriesPerRow = 1;
  bool present = true;  // false: the figure was not taken; put() is then ignored
};

class Columns {
 public:
  static constexpr std::size_t kMaxColumns = 16;
  // `table` is the field of HeapSnapshot. Without memory valid() is false and nothing is written.
  Columns(wire::Writer& writer, DumpMemory& memory, std::uint32_t table, const ColumnSpec* specs,
          std::size_t count, std::size_t rowsPerChunk) noexcept;

  bool valid() const noexcept { return valid_; }
  bool atChunkStart() const noexcept { return rows_ == 0; }  // delta columns restart here
  // Appends to the column with that field; as many times a row as its spec says.
  void put(std::uint32_t field, std::uint64_t value) noexcept;
  void putDouble(std::uint32_t field, double value) noexcept;
  void endRow() noexcept;
  void finish() noexcept;  // the last, shorter chunk
  std::uint64_t rowsWritten() const noexcept { return total_; }

 private:
  struct Column {
    ColumnSpec spec;
    wire::Chunk chunk{nullptr, 0};
  };
  Column* find(std::uint32_t field) noexcept;

  wire::Writer& writer_;
  std::uint32_t table_;
  std::size_t count_;
  std::size_t rowsPerChunk_;
  std::size_t rows_ = 0;
  std::uint64_t total_ = 0;
  bool valid_ = true;
  Column columns_[kMaxColumns];
};

}  // namespace heapprof::introspect
