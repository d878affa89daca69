// One top-level field of a Profile at a time, from contiguous bytes straight into columns.
//
// Invariant: after a call gave true the columns hold whole rows; after false, faultAt() and fault() say where
// and why and the columns are worthless. References are tokens (id_table.h), stacks are ids (stack_table.h),
// until the scanner resolves them. Memory is charged row by row against a budget, so a small file cannot ask
// for much. One read; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/field_cursor.h"
#include "formats/pprof/id_table.h"
#include "formats/pprof/profile_columns.h"
#include "formats/pprof/row_bytes.h"
#include "formats/pprof/stack_table.h"

namespace heapprof::formats {

// Where a row began, in 4 bytes a row: rows come in file order, so the upper half is counted where the lower
// one falls.
class RowOffsets {
 public:
  void push(std::uint64_t offset);
  std::uint64_t at(std::size_t row) const;
  std::size_t size() const { return low_.size(); }

 private:
  std::vector<std::uint32_t> low_;
  std::vector<std::size_t> carries_;  // rows before which another 4 GiB began
};

struct RowPlaces {
  RowOffsets samples, locations, functions, mappings, sampleTypes;
  std::uint64_t snapshot = 0;
};

class RowDecoder {
 public:
  RowDecoder(ProfileColumns& columns, std::uint64_t memoryBudget) : out_(columns), budget_(memoryBudget) {}

  // A length-delimited field that knows() says is ours: its content, which began at `offset` in the message.
  bool message(std::uint32_t number, FieldCursor content, std::uint64_t offset);
  // Before the message() of a sample: what comes after it, as far as it is there. If that is a
  // sample too, memory is asked for its stack, which takes as long as it takes to decode the one before.
  // Without this message() does the same, later.
  void lookAhead(FieldCursor next);
  static constexpr std::uint32_t kSample = 2;
  // A varint field, or one number of a packed one.
  bool number(std::uint32_t number, std::uint64_t value);
  static bool knows(std::uint32_t number) { return number >= 1 && number <= 14; }

  bool charge(std::uint64_t bytes);

  const std::string& fault() const { return fault_; }
  const std::uint8_t* faultAt() const { return faultAt_; }  // null: the field as a whole

  // What resolving needs after the scan.
  IdTable locationIds, functionIds, mappingIds;
  StackTable stacks;
  RowPlaces places;
  std::size_t valuesPerSample = 0;
  bool sawString = false;

 private:
  void keepRoom();
  bool sample(FieldCursor cursor);
  bool stackPart(const Field& field);
  bool endStack();
  bool label(FieldCursor cursor);
  bool mapping(FieldCursor cursor);
  bool location(FieldCursor cursor);
  bool line(FieldCursor cursor);
  bool function(FieldCursor cursor);
  bool valueType(FieldCursor cursor, ValueType* type);
  bool string(FieldCursor cursor);
  bool packedNumbers(std::uint32_t number, FieldCursor cursor);
  bool rowOf(std::uint32_t number, FieldCursor cursor, std::uint64_t offset);
  bool figure(std::uint32_t number, std::uint64_t value);

  bool count(const Field& field, std::uint64_t* value) {
    *value = field.value;
    reason_ = "has the wrong wire type";
    return field.type == WireType::kVarint;
  }

  bool signedNumber(const Field& field, std::int64_t* value) {
    std::uint64_t bits = 0;
    const bool fits = count(field, &bits);
    *value = static_cast<std::int64_t>(bits);
    return fits;
  }

  bool flag(const Field& field, bool* value) {
    std::uint64_t bits = 0;
    const bool fits = count(field, &bits);
    *value = bits != 0;
    return fits;
  }

  bool toIndex(std::uint64_t value, StringIndex* index) {
    *index = static_cast<StringIndex>(value);
    reason_ = "is a string index out of range";
    return value < kNoRow;
  }

  bool text(const Field& field, StringIndex* index) {
    std::uint64_t value = 0;
    return count(field, &value) && toIndex(value, index);
  }

  bool isBytes(const Field& field) {
    reason_ = "has the wrong wire type";
    return field.type == WireType::kBytes;
  }

  template <class Take>
  bool eachNumber(const Field& field, Take take) {
    if (field.type == WireType::kVarint) {
      take(field.value);
      return true;
    }
    if (!isBytes(field)) {
      return false;
    }
    FieldCursor cursor(field);
    while (!cursor.atEnd()) {
      std::uint64_t value = 0;
      if (!cursor.mixedVarint(&value)) {
        return fail(cursor.at(), cursor.wrong());
      }
      take(value);
    }
    return true;
  }

  template <class OnField>
  bool eachField(absl::string_view what, FieldCursor cursor, OnField onField) {
    Field field;
    while (!cursor.atEnd()) {
      const std::uint8_t* start = cursor.at();
      if (!cursor.next(&field)) {
        return fail(cursor.at(), absl::StrCat(cursor.wrong(), " in a ", what));
      }
      if (!onField(field)) {
        return fail(start, absl::StrCat("field ", field.number, " of a ", what, " ", reason_));
      }
    }
    return true;
  }

  bool fail(const std::uint8_t* at, std::string what);

  ProfileColumns& out_;
  std::uint64_t budget_;
  std::uint64_t charged_ = 0;
  std::uint64_t chargedForIds_ = 0;
  Field ids_;                      // location ids of the sample at hand
  StackTable::Key key_, nextKey_;  // of the sample at hand and of the next, where lookAhead() saw them
  RowBytes joinedIds_;             // where they do not come as one packed field
  bool idsJoined_ = false;
  const char* reason_ = "";  // why the field at hand is wrong, until its place is known
  std::string fault_;
  const std::uint8_t* faultAt_ = nullptr;
};

}  // namespace heapprof::formats
