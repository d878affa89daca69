#include "formats/pprof/snapshot_writer.h"

#include <algorithm>
#include <google/protobuf/reflection.h>
#include <string>
#include <vector>

#include "formats/pprof/snapshot_merger.h"

namespace heapprof::formats {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::uint32_t kSnapshotField = 1000;
constexpr int kChunkRows = 4096;
constexpr int kChunkStrings = 1024;

void put(const heapprof::HeapSnapshot& chunk, wire::Writer& out) {
  const std::string bytes = chunk.SerializeAsString();
  out.bytes(kSnapshotField, bytes.data(), bytes.size());
}

template <class T>
void copyEntries(const Message& from, const FieldDescriptor* column, int first, int last, Message* to) {
  const auto source = from.GetReflection()->GetRepeatedFieldRef<T>(from, column);
  const auto target = to->GetReflection()->GetMutableRepeatedFieldRef<T>(to, column);
  for (int i = first; i < last; ++i) {
    target.Add(source.Get(i));
  }
}

void copyRows(const Message& from, const FieldDescriptor* column, int first, int last, Message* to) {
  switch (column->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return copyEntries<std::uint64_t>(from, column, first, last, to);
    case FieldDescriptor::CPPTYPE_UINT32:
      return copyEntries<std::uint32_t>(from, column, first, last, to);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return copyEntries<double>(from, column, first, last, to);
    default:
      return;  // no column has another type; a test walks the schema to keep it so
  }
}

// The delta-coded column of these messages is their field 1.
bool hasDeltas(const Message& columns) {
  return columns.GetDescriptor() == heapprof::Extents::descriptor() ||
         columns.GetDescriptor() == heapprof::HugePages::descriptor();
}

// Where the chunk that begins at row `first` ends: at kChunkRows, or before a row that a delta cannot reach.
int chunkEnd(const google::protobuf::RepeatedField<std::uint64_t>* starts, int first, int rows) {
  const int last = std::min(rows, first + kChunkRows);
  if (starts == nullptr || starts->empty()) {
    return last;
  }
  for (int row = first + 1; row < last; ++row) {
    if (starts->Get(row) < starts->Get(row - 1)) {
      return row;
    }
  }
  return last;
}

void toDeltas(google::protobuf::RepeatedField<std::uint64_t>* starts) {
  for (int row = starts->size() - 1; row > 0; --row) {
    starts->Set(row, starts->Get(row) - starts->Get(row - 1));
  }
}

class ColumnWriter {
 public:
  ColumnWriter(const heapprof::HeapSnapshot& snapshot, wire::Writer& out) : snapshot_(snapshot), out_(out) {}

  void write(const FieldDescriptor* part) {
    const Reflection& reflection = *snapshot_.GetReflection();
    const Message& columns = reflection.GetMessage(snapshot_, part);
    const auto* starts = startsOf(columns);
    const int rows = rowsOf(columns);
    int first = 0;
    do {
      const int last = chunkEnd(starts, first, rows);
      heapprof::HeapSnapshot chunk;
      Message* target = reflection.MutableMessage(&chunk, part);
      if (first == 0) {  // what is not columns goes once
        columns.GetReflection()->MutableUnknownFields(target)->MergeFrom(
            columns.GetReflection()->GetUnknownFields(columns));
      }
      copyColumns(columns, first, last, target);
      if (hasDeltas(*target)) {
        toDeltas(const_cast<google::protobuf::RepeatedField<std::uint64_t>*>(startsOf(*target)));
      }
      put(chunk, out_);
      first = last;
    } while (first < rows);
  }

 private:
  static const google::protobuf::RepeatedField<std::uint64_t>* startsOf(const Message& columns) {
    if (!hasDeltas(columns)) {
      return nullptr;
    }
    return columns.GetDescriptor() == heapprof::Extents::descriptor()
               ? &static_cast<const heapprof::Extents&>(columns).start_delta()
               : &static_cast<const heapprof::HugePages&>(columns).index_delta();
  }

  int perRow(const FieldDescriptor* column) const {
    const heapprof::Header& header = snapshot_.header();
    return static_cast<int>(entriesPerRow(*column, header.has_geometry() ? &header.geometry() : nullptr));
  }

  int rowsOf(const Message& columns) const {
    int rows = 0;
    for (int i = 0; i < columns.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* column = columns.GetDescriptor()->field(i);
      rows =
          std::max(rows, columns.GetReflection()->FieldSize(columns, column) / std::max(1, perRow(column)));
    }
    return rows;
  }

  void copyColumns(const Message& columns, int first, int last, Message* target) const {
    for (int i = 0; i < columns.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* column = columns.GetDescriptor()->field(i);
      const int entries = columns.GetReflection()->FieldSize(columns, column);
      const int each = std::max(1, perRow(column));
      copyRows(columns, column, std::min(entries, first * each), std::min(entries, last * each), target);
    }
  }

  const heapprof::HeapSnapshot& snapshot_;
  wire::Writer& out_;
};

void writeStrings(const heapprof::HeapSnapshot& snapshot, wire::Writer& out) {
  for (int first = 0; first < snapshot.string_table_size(); first += kChunkStrings) {
    heapprof::HeapSnapshot chunk;
    for (int i = first; i < std::min(snapshot.string_table_size(), first + kChunkStrings); ++i) {
      chunk.add_string_table(snapshot.string_table(i));
    }
    put(chunk, out);
  }
}

}  // namespace

void writeSnapshot(const heapprof::HeapSnapshot& snapshot, wire::Writer& out) {
  heapprof::HeapSnapshot whole;  // what has no rows: header, totals, purges, and what a later version added
  whole.GetReflection()->MutableUnknownFields(&whole)->MergeFrom(
      snapshot.GetReflection()->GetUnknownFields(snapshot));
  std::vector<const FieldDescriptor*> inRows;
  std::vector<const FieldDescriptor*> present;
  snapshot.GetReflection()->ListFields(snapshot, &present);
  for (const FieldDescriptor* part : present) {
    switch (part->number()) {
      case heapprof::HeapSnapshot::kHeaderFieldNumber:
        *whole.mutable_header() = snapshot.header();
        break;
      case heapprof::HeapSnapshot::kTotalsFieldNumber:
        *whole.mutable_totals() = snapshot.totals();
        break;
      case heapprof::HeapSnapshot::kPurgesFieldNumber:
        *whole.mutable_purges() = snapshot.purges();
        break;
      case heapprof::HeapSnapshot::kStringTableFieldNumber:
        break;
      default:
        inRows.push_back(part);
    }
  }
  put(whole, out);
  ColumnWriter columns(snapshot, out);
  for (const FieldDescriptor* part : inRows) {
    columns.write(part);
  }
  writeStrings(snapshot, out);
}

}  // namespace heapprof::formats
