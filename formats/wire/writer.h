// A freestanding protobuf wire writer for the inside of an allocator: no heap, no libstdc++, no locks, no
// errno.
//
// Invariant: bytes leave in the order they were put, through one fixed buffer owned by the caller, to one
// Sink. Nested messages have a length before their content; as nothing is buffered whole, their size is
// computed first (SizeOf*), or the message is built in a Chunk (a bounded buffer) and appended. Packed
// columns are written by two passes over the same source. After a sink failure everything is a no-op and ok()
// is false. One thread at a time.
//
//   file    = gzip header, stored or fixed-Huffman blocks, crc32, size          (gzip_sink.h)
//   message = { tag varint | value }*
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::wire {

// Where bytes go. A plain struct of two pointers, so that no vtable and no allocation is needed.
struct Sink {
  bool (*put)(void* context, const void* data, std::size_t size) = nullptr;  // false: failed, stop
  void* context = nullptr;
};

enum class WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr std::size_t varintSize(std::uint64_t value) noexcept {
  std::size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}
constexpr std::size_t tagSize(std::uint32_t field) noexcept {
  return varintSize(static_cast<std::uint64_t>(field) << 3);
}

class Writer {
 public:
  // `buffer` must outlive the writer; flush() before the sink's file is closed.
  Writer(Sink sink, void* buffer, std::size_t capacity) noexcept;

  // proto3 rule: these write nothing when the value is 0; the Always forms write it (for `optional` fields).
  void uint64(std::uint32_t field, std::uint64_t value) noexcept;
  void int64(std::uint32_t field, std::int64_t value) noexcept;
  void uint64Always(std::uint32_t field, std::uint64_t value) noexcept;
  void fixed64(std::uint32_t field, std::uint64_t value) noexcept;
  void float64(std::uint32_t field, double value) noexcept;
  void boolean(std::uint32_t field, bool value) noexcept;
  void bytes(std::uint32_t field, const void* data, std::size_t size) noexcept;  // written also when empty
  void string(std::uint32_t field, const char* text) noexcept;                   // NUL-terminated

  // Begins a nested message or a packed array whose content is exactly `contentBytes` long; the caller then
  // writes that content with the functions of this class or the raw ones below.
  void beginNested(std::uint32_t field, std::size_t contentBytes) noexcept;
  void rawVarint(std::uint64_t value) noexcept;
  void rawFixed64(std::uint64_t value) noexcept;
  void raw(const void* data, std::size_t size) noexcept;

  bool flush() noexcept;
  bool ok() const noexcept { return ok_; }
  std::uint64_t written() const noexcept { return written_; }  // bytes put so far, flushed or not

 private:
  void tag(std::uint32_t field, WireType type) noexcept;
  Sink sink_;
  unsigned char* buffer_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::uint64_t written_ = 0;
  bool ok_ = true;
};

// A bounded message under construction in a caller's buffer: a Writer whose sink refuses when full. Used for
// rows.
class Chunk {
 public:
  Chunk(void* buffer, std::size_t capacity) noexcept
      : data_(static_cast<unsigned char*>(buffer)), capacity_(capacity) {}
  bool append(const void* data, std::size_t size) noexcept;
  bool appendVarint(std::uint64_t value) noexcept;  // false, and unchanged, when it does not fit
  bool appendFixed64(std::uint64_t value) noexcept;
  void clear() noexcept { used_ = 0; }
  const unsigned char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return used_; }
  std::size_t room() const noexcept { return capacity_ - used_; }

 private:
  unsigned char* data_;
  std::size_t capacity_;
  std::size_t used_ = 0;
};

}  // namespace heapprof::wire
