// Walks the fields of one message that lies in contiguous memory: the hot loop of the reader.
//
// Invariant: `at` never passes `end`; after a function gave false, `wrong` says why and `at` is where. Every
// byte is checked before it is used, so any input is safe. Views into the caller's bytes; one thread.
//
//   message = { tag varint (number << 3 | wire type) , varint | 8 bytes | length varint + bytes | 4 bytes }*
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "formats/wire/writer.h"

namespace heapprof::formats {

using wire::WireType;

struct Field {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;             // of a varint or fixed field; of kBytes its length
  const std::uint8_t* data = nullptr;  // content of a kBytes field
  const std::uint8_t* end = nullptr;
};

class FieldCursor {
 public:
  FieldCursor(const std::uint8_t* at, const std::uint8_t* end) : at_(at), end_(end) {}
  explicit FieldCursor(const Field& field) : at_(field.data), end_(field.end) {}

  bool atEnd() const { return at_ == end_; }
  const std::uint8_t* at() const { return at_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const char* wrong() const { return wrong_; }
  bool ranOut() const { return ranOut_; }  // it was wrong because the bytes ended

  bool varint(std::uint64_t* value) {
    if (at_ != end_ && *at_ < 0x80) {
      *value = *at_++;
      return true;
    }
    return longVarint(value);
  }

  // The same for numbers of any size, where a branch on their length would be guessed wrong half the time.
  bool mixedVarint(std::uint64_t* value) {
    if (end_ - at_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, sizeof word);
      const std::uint64_t ends = ~word & 0x8080808080808080u;  // of the bytes that end a number
      if (ends != 0 && std::endian::native == std::endian::little) {
        const std::uint64_t first = ends & (0 - ends);
        *value = groupsOfSeven(word & (first - 1));
        at_ += (std::countr_zero(first) >> 3) + 1;
        return true;
      }
    }
    return varint(value);
  }

  // The tag alone; what follows it has not been read.
  bool tag(Field* field) {
    std::uint64_t tag = 0;
    const std::uint8_t* start = at_;
    if (!varint(&tag)) {
      return false;
    }
    field->number = static_cast<std::uint32_t>(tag >> 3);
    field->type = static_cast<WireType>(tag & 7);
    if (tag < 8 || tag > 0xffffffffu) {
      at_ = start;
      return fail("a field number out of range");
    }
    return true;
  }

  // The next field with its content. Ask atEnd() before.
  bool next(Field* field) {
    const std::uint8_t* start = at_;
    if (!tag(field)) {
      return false;
    }
    switch (field->type) {
      case WireType::kVarint:
        return varint(&field->value);
      case WireType::kBytes:
        return varint(&field->value) && content(field);
      case WireType::kFixed64:
        return fixed(field, 8);
      case WireType::kFixed32:
        return fixed(field, 4);
    }
    at_ = start;
    return fail(unusableType(static_cast<std::uint32_t>(field->type)));
  }

  static const char* unusableType(std::uint32_t type) {
    return type == 3 || type == 4 ? "a group (wire type 3 or 4), which no profile has"
                                  : "an unknown wire type";
  }

  bool fail(const char* what) {
    wrong_ = what;
    return false;
  }

 private:
  // Eight bytes' lower seven bits, closed up.
  static std::uint64_t groupsOfSeven(std::uint64_t x) {
    x = (x & 0x007f007f007f007fu) | (x & 0x7f007f007f007f00u) >> 1;
    x = (x & 0x00003fff00003fffu) | (x & 0x3fff00003fff0000u) >> 2;
    return (x & 0x000000000fffffffu) | (x & 0x0fffffff00000000u) >> 4;
  }

  bool cut() {
    ranOut_ = true;
    return fail("a number that ends in the middle");
  }

  bool longVarint(std::uint64_t* value) {
    const std::uint8_t* start = at_;
    std::uint64_t sum = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) {
        at_ = start;
        return cut();
      }
      const std::uint64_t byte = *at_++;
      sum |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = sum;
        return true;
      }
    }
    at_ = start;
    return fail("a number of more than ten bytes");
  }

  bool content(Field* field) {
    if (field->value > static_cast<std::uint64_t>(end_ - at_)) {
      return fail("a length that goes beyond its message");
    }
    field->data = at_;
    at_ += field->value;
    field->end = at_;
    return true;
  }

  bool fixed(Field* field, unsigned bytes) {
    if (end_ - at_ < static_cast<std::ptrdiff_t>(bytes)) {
      return cut();
    }
    field->value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      field->value |= static_cast<std::uint64_t>(at_[i]) << (8 * i);
    }
    at_ += bytes;
    return true;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const char* wrong_ = nullptr;
  bool ranOut_ = false;
};

}  // namespace heapprof::formats
