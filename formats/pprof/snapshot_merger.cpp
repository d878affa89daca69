#include "formats/pprof/snapshot_merger.h"

#include <algorithm>
#include <google/protobuf/io/coded_stream.h>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kMostEntries = std::numeric_limits<int>::max();
constexpr std::uint64_t kMessageBytes =
    192;  // an element of a repeated message, with its pointer: no one is larger

std::uint64_t varintsIn(const Field& field) {
  return static_cast<std::uint64_t>(
      std::count_if(field.data, field.end, [](std::uint8_t byte) { return byte < 0x80; }));
}

// Rows [from, size) hold one chunk's deltas. False when a sum leaves 64 bits.
bool sumUp(google::protobuf::RepeatedField<std::uint64_t>* column, int from) {
  for (int i = from + 1; i < column->size(); ++i) {
    const std::uint64_t before = column->Get(i - 1);
    const std::uint64_t sum = before + column->Get(i);
    if (sum < before) {
      return false;
    }
    column->Set(i, sum);
  }
  return true;
}

// As growAmply() in row_decoder.cpp, for a column about to take `more` entries: RepeatedField itself only
// doubles.
template <class T>
void growAmply(google::protobuf::RepeatedField<T>* column, int more, std::uint64_t expected) {
  if (more == 0 || column->Capacity() - column->size() >= more || column->size() > kMostEntries / 4 - more) {
    return;
  }
  const int needed = column->size() + more;
  const bool trusted = expected >= static_cast<std::uint64_t>(needed) && expected < kMostEntries;
  google::protobuf::RepeatedField<T> larger;
  larger.Reserve(trusted ? static_cast<int>(expected) : 4 * needed);
  larger.MergeFrom(*column);
  column->Swap(&larger);
}

// The reference API cannot reserve; this one can, and is only deprecated in favour of that.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void growColumn(google::protobuf::Message* columns, const FieldDescriptor* column, int more,
                std::uint64_t expected) {
  const google::protobuf::Reflection& reflection = *columns->GetReflection();
  switch (column->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return growAmply(reflection.MutableRepeatedField<std::uint64_t>(columns, column), more, expected);
    case FieldDescriptor::CPPTYPE_UINT32:
      return growAmply(reflection.MutableRepeatedField<std::uint32_t>(columns, column), more, expected);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return growAmply(reflection.MutableRepeatedField<double>(columns, column), more, expected);
    default:
      return;
  }
}
#pragma GCC diagnostic pop

}  // namespace

bool SnapshotMerger::fail(const std::uint8_t* at, std::string what) {
  if (fault_.empty()) {
    faultAt_ = at;
    fault_ = std::move(what);
  }
  return false;
}

bool SnapshotMerger::walkContent(const FieldDescriptor* known, const Field& field, std::uint64_t* bytes) {
  if (known == nullptr) {
    *bytes += 64 + field.value;  // kept as an unknown field
    return true;
  }
  switch (known->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      *bytes += kMessageBytes;
      return walk(known->message_type(), FieldCursor(field), bytes);
    case FieldDescriptor::CPPTYPE_STRING:
      *bytes += 48 + field.value;
      return true;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      *bytes += field.value;
      return field.value % 8 == 0 ||
             fail(field.data, absl::StrCat(known->full_name(), " ends in the middle"));
    default:
      break;
  }
  if (known->type() == FieldDescriptor::TYPE_FIXED64) {
    *bytes += field.value;
    return field.value % 8 == 0 || fail(field.data, absl::StrCat(known->full_name(), " ends in the middle"));
  }
  *bytes += 8 * varintsIn(field);
  return field.value == 0 || field.end[-1] < 0x80 ||
         fail(field.end - 1, absl::StrCat(known->full_name(), " ends in the middle of a number"));
}

bool SnapshotMerger::walk(const Descriptor* type, FieldCursor message, std::uint64_t* bytes) {
  Field field;
  while (!message.atEnd()) {
    if (!message.next(&field)) {
      return fail(message.at(), absl::StrCat(message.wrong(), " in ", type->full_name()));
    }
    const FieldDescriptor* known = type->FindFieldByNumber(static_cast<int>(field.number));
    if (field.type != WireType::kBytes) {
      *bytes += known == nullptr ? 64 : 8;
    } else if (!walkContent(known, field, bytes)) {
      return false;
    }
  }
  return true;
}

bool SnapshotMerger::check(FieldCursor chunk, std::uint64_t* memoryBytes) {
  *memoryBytes = 0;
  return walk(heapprof::HeapSnapshot::descriptor(), chunk, memoryBytes);
}

// The chunk has been checked: every field is readable and ends where it should.
void SnapshotMerger::makeRoom(FieldCursor chunk, std::uint64_t sampleRows) {
  const Descriptor* type = heapprof::HeapSnapshot::descriptor();
  Field part, entries;
  while (!chunk.atEnd() && chunk.next(&part)) {
    const FieldDescriptor* known = type->FindFieldByNumber(static_cast<int>(part.number));
    if (known == nullptr || known->is_repeated() || part.type != WireType::kBytes) {
      continue;
    }
    google::protobuf::Message* columns = out_.GetReflection()->MutableMessage(&out_, known);
    // Of stacks there is one a sample, and they are the widest rows: room for all of them at once.
    const std::uint64_t rows = part.number == heapprof::HeapSnapshot::kStacksFieldNumber ? sampleRows : 0;
    FieldCursor cursor(part);
    while (!cursor.atEnd() && cursor.next(&entries)) {
      const FieldDescriptor* column =
          known->message_type()->FindFieldByNumber(static_cast<int>(entries.number));
      if (column != nullptr && column->is_repeated() && entries.type == WireType::kBytes) {
        const bool fixed = column->type() == FieldDescriptor::TYPE_FIXED64 ||
                           column->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
        growColumn(columns, column, static_cast<int>(fixed ? entries.value / 8 : varintsIn(entries)),
                   rows * entriesPerRow(*column, nullptr));
      }
    }
  }
}

bool SnapshotMerger::take(FieldCursor chunk, std::uint64_t sampleRows) {
  makeRoom(chunk, sampleRows);
  const int extents = out_.extents().start_delta_size();
  const int hugePages = out_.huge_pages().index_delta_size();
  google::protobuf::io::CodedInputStream stream(chunk.at(), static_cast<int>(chunk.left()));
  if (!out_.MergeFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return fail(nullptr, "a chunk of the heap snapshot that libprotobuf refuses");
  }
  if (out_.has_extents() && !sumUp(out_.mutable_extents()->mutable_start_delta(), extents)) {
    return fail(nullptr, "an extent that starts beyond the address space");
  }
  if (out_.has_huge_pages() && !sumUp(out_.mutable_huge_pages()->mutable_index_delta(), hugePages)) {
    return fail(nullptr, "a huge page beyond the address space");
  }
  std::string fault = columnFault(out_, false);
  return fault.empty() || fail(nullptr, std::move(fault));
}

}  // namespace heapprof::formats
