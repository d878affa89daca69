// One message of the file under construction: fields by number, as formats/wire writes them. Grows as it
// needs, unlike wire::Chunk. Owned by one writer; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "formats/wire/writer.h"

namespace heapprof::formats {

class RowBytes {
 public:
  void clear() { bytes_.clear(); }
  const std::string& bytes() const { return bytes_; }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      bytes_.push_back(static_cast<char>(value | 0x80));
    }
    bytes_.push_back(static_cast<char>(value));
  }
  // proto3: 0 is not written.
  void number(std::uint32_t field, std::uint64_t value) {
    if (value != 0) {
      varint(static_cast<std::uint64_t>(field) << 3);
      varint(value);
    }
  }
  void number(std::uint32_t field, std::int64_t value) { number(field, static_cast<std::uint64_t>(value)); }
  void beginBytes(std::uint32_t field, std::size_t size) {
    varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire::WireType::kBytes));
    varint(size);
  }
  void message(std::uint32_t field, const RowBytes& content) {
    beginBytes(field, content.bytes_.size());
    bytes_ += content.bytes_;
  }
  // A packed column of entry(0) .. entry(count - 1).
  template <class Entry>
  void packed(std::uint32_t field, std::size_t count, Entry entry) {
    if (count == 0) {
      return;
    }
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      size += wire::varintSize(entry(i));
    }
    beginBytes(field, size);
    for (std::size_t i = 0; i < count; ++i) {
      varint(entry(i));
    }
  }

 private:
  std::string bytes_;
};

}  // namespace heapprof::formats
