#include "runtime/introspect/columns.h"

#include "runtime/base/fatal.h"

namespace heapprof::introspect {

Columns::Columns(wire::Writer& writer, DumpMemory& memory, std::uint32_t table, const ColumnSpec* specs,
                 std::size_t count, std::size_t rowsPerChunk) noexcept
    : writer_(writer), table_(table), count_(count), rowsPerChunk_(rowsPerChunk) {
  if (count > kMaxColumns) {
    base::fatal("dump: a table has more columns than Columns::kMaxColumns");
  }
  for (std::size_t i = 0; i < count; ++i) {
    columns_[i].spec = specs[i];
    if (!specs[i].present) {
      continue;
    }
    const std::size_t entry = specs[i].coding == Coding::kVarint ? 10 : 8;
    const std::size_t bytes = rowsPerChunk * specs[i].entriesPerRow * entry;
    auto* buffer = memory.takeArray<unsigned char>(bytes);
    valid_ = valid_ && buffer != nullptr;
    columns_[i].chunk = wire::Chunk(buffer, buffer != nullptr ? bytes : 0);
  }
}

Columns::Column* Columns::find(std::uint32_t field) noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    if (columns_[i].spec.field == field) {
      return columns_[i].spec.present && valid_ ? &columns_[i] : nullptr;
    }
  }
  base::fatal("dump: a value for a column that its table does not have");
}

void Columns::put(std::uint32_t field, std::uint64_t value) noexcept {
  if (Column* column = find(field)) {
    if (column->spec.coding == Coding::kVarint) {
      column->chunk.appendVarint(value);
    } else {
      column->chunk.appendFixed64(value);
    }
  }
}

void Columns::putDouble(std::uint32_t field, double value) noexcept {
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  put(field, bits);
}

void Columns::endRow() noexcept {
  ++total_;
  if (++rows_ == rowsPerChunk_) {
    finish();
  }
}

void Columns::finish() noexcept {
  if (rows_ == 0 || !valid_) {
    rows_ = 0;
    return;
  }
  std::size_t inner = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (columns_[i].spec.present) {
      const std::size_t size = columns_[i].chunk.size();
      inner += wire::tagSize(columns_[i].spec.field) + wire::varintSize(size) + size;
    }
  }
  writer_.beginNested(kSnapshotField, wire::tagSize(table_) + wire::varintSize(inner) + inner);
  writer_.beginNested(table_, inner);
  for (std::size_t i = 0; i < count_; ++i) {
    if (columns_[i].spec.present) {
      writer_.bytes(columns_[i].spec.field, columns_[i].chunk.data(), columns_[i].chunk.size());
      columns_[i].chunk.clear();
    }
  }
  rows_ = 0;
}

}  // namespace heapprof::introspect
