#include "formats/wire/writer.h"

namespace heapprof::wire {
namespace {

constexpr std::size_t kMaxVarintBytes = 10;

// Little endian whatever the machine: the format's order, not the processor's.
void storeFixed64(unsigned char* out, std::uint64_t value) noexcept {
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<unsigned char>(value >> (8 * i));
  }
}

std::size_t storeVarint(unsigned char* out, std::uint64_t value) noexcept {
  std::size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<unsigned char>(value | 0x80);
    value >>= 7;
  }
  out[size++] = static_cast<unsigned char>(value);
  return size;
}

}  // namespace

Writer::Writer(Sink sink, void* buffer, std::size_t capacity) noexcept
    : sink_(sink), buffer_(static_cast<unsigned char*>(buffer)), capacity_(capacity) {}

void Writer::uint64(std::uint32_t field, std::uint64_t value) noexcept {
  if (value != 0) {
    uint64Always(field, value);
  }
}

void Writer::int64(std::uint32_t field, std::int64_t value) noexcept {
  uint64(field, static_cast<std::uint64_t>(value));  // negative: ten bytes, as the format asks
}

void Writer::uint64Always(std::uint32_t field, std::uint64_t value) noexcept {
  tag(field, WireType::kVarint);
  rawVarint(value);
}

void Writer::fixed64(std::uint32_t field, std::uint64_t value) noexcept {
  if (value != 0) {
    tag(field, WireType::kFixed64);
    rawFixed64(value);
  }
}

void Writer::float64(std::uint32_t field, double value) noexcept {
  static_assert(sizeof(double) == sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  fixed64(field, bits);  // -0.0 has bits set and is written, as protobuf does
}

void Writer::boolean(std::uint32_t field, bool value) noexcept {
  uint64(field, value ? 1 : 0);
}

void Writer::bytes(std::uint32_t field, const void* data, std::size_t size) noexcept {
  beginNested(field, size);
  raw(data, size);
}

void Writer::string(std::uint32_t field, const char* text) noexcept {
  bytes(field, text, __builtin_strlen(text));
}

void Writer::beginNested(std::uint32_t field, std::size_t contentBytes) noexcept {
  tag(field, WireType::kBytes);
  rawVarint(contentBytes);
}

void Writer::rawVarint(std::uint64_t value) noexcept {
  if (capacity_ - used_ >= kMaxVarintBytes && ok_) {
    const std::size_t size = storeVarint(buffer_ + used_, value);
    used_ += size;
    written_ += size;
    return;
  }
  unsigned char encoded[kMaxVarintBytes];
  raw(encoded, storeVarint(encoded, value));
}

void Writer::rawFixed64(std::uint64_t value) noexcept {
  unsigned char encoded[8];
  storeFixed64(encoded, value);
  raw(encoded, sizeof encoded);
}

void Writer::raw(const void* data, std::size_t size) noexcept {
  if (!ok_ || size == 0) {
    return;
  }
  if (size > capacity_ - used_ && !flush()) {
    return;
  }
  if (size > capacity_) {  // larger than the whole buffer: past it, in order
    ok_ = sink_.put(sink_.context, data, size);
    written_ += ok_ ? size : 0;
    return;
  }
  __builtin_memcpy(buffer_ + used_, data, size);
  used_ += size;
  written_ += size;
}

bool Writer::flush() noexcept {
  if (ok_ && used_ != 0) {
    ok_ = sink_.put(sink_.context, buffer_, used_);
    used_ = 0;
  }
  return ok_;
}

void Writer::tag(std::uint32_t field, WireType type) noexcept {
  rawVarint((static_cast<std::uint64_t>(field) << 3) | static_cast<std::uint64_t>(type));
}

bool Chunk::append(const void* data, std::size_t size) noexcept {
  if (size > room()) {
    return false;
  }
  if (size != 0) {
    __builtin_memcpy(data_ + used_, data, size);
    used_ += size;
  }
  return true;
}

bool Chunk::appendVarint(std::uint64_t value) noexcept {
  if (varintSize(value) > room()) {
    return false;
  }
  used_ += storeVarint(data_ + used_, value);
  return true;
}

bool Chunk::appendFixed64(std::uint64_t value) noexcept {
  if (room() < 8) {
    return false;
  }
  storeFixed64(data_ + used_, value);
  used_ += 8;
  return true;
}

}  // namespace heapprof::wire
