// The two string tables of a dump: Profile.string_table and HeapSnapshot.string_table. Each string is written
// when it is named, so nothing is kept; indices are the order of writing. Entry 0 is "". Equal strings may be
// written twice.
//
// Profile's strings are UTF-8 by its schema (libprotobuf refuses others), so bytes of a file name that are
// not become '?'; HeapSnapshot's are bytes and stay as they are. Invariant: add() is never called between
// beginNested() and the end of that message. One thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "formats/wire/writer.h"
#include "runtime/introspect/columns.h"

namespace heapprof::introspect {

class ProfileStrings {
 public:
  explicit ProfileStrings(wire::Writer& writer) noexcept : writer_(writer) { writer_.string(kField, ""); }
  std::uint64_t add(const char* text) noexcept {
    if (*text == '\0') {
      return 0;
    }
    writeUtf8(text);
    return ++last_;
  }

 private:
  static constexpr std::uint32_t kField = 6;
  void writeUtf8(const char* text) noexcept;
  wire::Writer& writer_;
  std::uint64_t last_ = 0;
};

class SnapshotStrings {
 public:
  explicit SnapshotStrings(wire::Writer& writer) noexcept : writer_(writer) { write(""); }
  std::uint64_t add(const char* text) noexcept {
    if (*text == '\0') {
      return 0;
    }
    write(text);
    return ++last_;
  }

 private:
  static constexpr std::uint32_t kField = 11;
  void write(const char* text) noexcept {
    const std::size_t size = std::strlen(text);
    writer_.beginNested(kSnapshotField, wire::tagSize(kField) + wire::varintSize(size) + size);
    writer_.bytes(kField, text, size);
  }
  wire::Writer& writer_;
  std::uint64_t last_ = 0;
};

}  // namespace heapprof::introspect
