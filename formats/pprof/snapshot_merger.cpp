#include "formats/pprof/snapshot_merger.h"

#include <algorithm>
#include <google/protobuf/io/coded_stream.h>
#include <utility>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

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

bool SnapshotMerger::take(FieldCursor chunk) {
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
