// Reads the number forms of DWARF from mapped tables, in order. After a read beyond the end, or of an unknown
// form, ok() is false and everything read is 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace heapprof::sampling {

// Pointer encodings (DW_EH_PE_*): the low four bits say the form, the next three what is added.
inline constexpr std::uint8_t kEncodingOmitted = 0xff;
inline constexpr std::uint8_t kEncodingIndirect = 0x80;
inline constexpr std::uint8_t kEncodingPcRelative = 0x10;
inline constexpr std::uint8_t kEncodingDataRelative = 0x30;

class DwarfReader {
 public:
  DwarfReader(const std::uint8_t* begin, const std::uint8_t* end) noexcept : at_(begin), end_(end) {}

  bool ok() const noexcept { return ok_; }
  bool atEnd() const noexcept { return at_ >= end_; }
  const std::uint8_t* position() const noexcept { return at_; }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  template <typename T>
  T fixed() noexcept {
    T value{};
    if (left() < sizeof(T)) return fail(), value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::uint8_t byte() noexcept { return fixed<std::uint8_t>(); }

  std::uint64_t uleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if ((next & 0x80) == 0) return value;
    }
    return fail(), 0;
  }

  std::int64_t sleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      shift += 7;
      if ((next & 0x80) != 0) continue;
      if ((next & 0x40) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
    return fail(), 0;
  }

  void skip(std::uint64_t bytes) noexcept {
    if (bytes > left()) return fail();
    at_ += bytes;
  }

  // Indirect pointers are not followed: we need none of those that are.
  std::uintptr_t encoded(std::uint8_t encoding, std::uintptr_t dataBase = 0) noexcept {
    if (encoding == kEncodingOmitted) return 0;
    const auto here = reinterpret_cast<std::uintptr_t>(at_);
    std::uintptr_t value = form(encoding & 0x0f);
    switch (encoding & 0x70) {
      case 0:
        return value;
      case kEncodingPcRelative:
        return value + here;
      case kEncodingDataRelative:
        return value + dataBase;
      default:
        fail();
        return 0;
    }
  }

 private:
  void fail() noexcept {
    ok_ = false;
    at_ = end_;
  }

  std::uintptr_t form(unsigned low) noexcept {
    switch (low) {
      case 0x0:  // absptr
      case 0x4:  // udata8
      case 0xc:  // sdata8
        return fixed<std::uint64_t>();
      case 0x1:
        return uleb();
      case 0x2:
        return fixed<std::uint16_t>();
      case 0x3:
        return fixed<std::uint32_t>();
      case 0x9:
        return static_cast<std::uintptr_t>(sleb());
      case 0xa:
        return static_cast<std::uintptr_t>(static_cast<std::int64_t>(fixed<std::int16_t>()));
      case 0xb:
        return static_cast<std::uintptr_t>(static_cast<std::int64_t>(fixed<std::int32_t>()));
      default:
        fail();
        return 0;
    }
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace heapprof::sampling
