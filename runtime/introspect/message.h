// A small nested message built in memory before it is written, because its length goes first.
//
// Invariant: fields are whole or absent; a field that does not fit is left out and overflowed() says so.
// Owner: the function that builds it. proto3: plain forms write nothing for 0; Always forms are for
// `optional` fields.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/wire/writer.h"
#include "runtime/introspect/columns.h"

namespace heapprof::introspect {

class Message {
 public:
  Message(unsigned char* buffer, std::size_t capacity) noexcept : chunk_(buffer, capacity) {}

  void uint64(std::uint32_t field, std::uint64_t value) noexcept {
    if (value != 0) {
      uint64Always(field, value);
    }
  }
  void uint64Always(std::uint32_t field, std::uint64_t value) noexcept {
    if (room(wire::tagSize(field) + wire::varintSize(value))) {
      chunk_.appendVarint(std::uint64_t{field} << 3);
      chunk_.appendVarint(value);
    }
  }
  void bytes(std::uint32_t field, const void* data, std::size_t size) noexcept {
    if (room(wire::tagSize(field) + wire::varintSize(size) + size)) {
      chunk_.appendVarint(std::uint64_t{field} << 3 | 2);
      chunk_.appendVarint(size);
      chunk_.append(data, size);
    }
  }
  void message(std::uint32_t field, const Message& inner) noexcept {
    bytes(field, inner.data(), inner.size());
  }
  void clear() noexcept { chunk_.clear(); }

  const unsigned char* data() const noexcept { return chunk_.data(); }
  std::size_t size() const noexcept { return chunk_.size(); }
  bool overflowed() const noexcept { return overflowed_; }

  // As Profile.heap_snapshot { field { this } }.
  void writeAsSnapshotPart(wire::Writer& writer, std::uint32_t field) const noexcept {
    writer.beginNested(kSnapshotField, wire::tagSize(field) + wire::varintSize(size()) + size());
    writer.bytes(field, data(), size());
  }

 private:
  bool room(std::size_t bytes) noexcept {
    overflowed_ = overflowed_ || chunk_.room() < bytes;
    return chunk_.room() >= bytes;
  }
  wire::Chunk chunk_;
  bool overflowed_ = false;
};

}  // namespace heapprof::introspect
