// The shape of the snapshot's column messages, and whether a snapshot keeps it.
#include <initializer_list>

#include "absl/strings/str_cat.h"

#include "formats/pprof/snapshot_merger.h"

namespace heapprof::formats {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::uint64_t kLifetimeBuckets = 48;

std::uint64_t bitmapWords(std::uint64_t bytes, std::uint64_t unit) {
  return unit == 0 ? 0 : (bytes / unit + (bytes % unit != 0 ? 1 : 0) + 63) / 64;
}

// Timeline's marks are rows of their own.
int rowGroup(const FieldDescriptor& column) {
  return column.containing_type() == heapprof::Timeline::descriptor() &&
                 column.number() >= heapprof::Timeline::kMarkTimeNanosFieldNumber
             ? 1
             : 0;
}

std::string messageFault(const Message& columns, const heapprof::Geometry* geometry, bool complete) {
  const google::protobuf::Reflection& reflection = *columns.GetReflection();
  const google::protobuf::Descriptor& type = *columns.GetDescriptor();
  const FieldDescriptor* first[2] = {nullptr, nullptr};
  std::uint64_t rows[2] = {0, 0};
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& column = *type.field(i);
    const auto entries = static_cast<std::uint64_t>(reflection.FieldSize(columns, &column));
    if (entries == 0) {
      continue;
    }
    const std::uint64_t perRow = entriesPerRow(column, geometry);
    const int group = rowGroup(column);
    if (perRow == 0) {
      if (complete) {
        return absl::StrCat(column.full_name(), " cannot be read without the geometry");
      }
      continue;
    }
    if (first[group] == nullptr) {
      first[group] = &column;
      rows[group] = entries / perRow;
    }
    if (entries % perRow != 0 || entries / perRow != rows[group]) {
      return absl::StrCat(column.full_name(), " has ", entries, " entries (", perRow, " a row) where ",
                          first[group]->name(), " has ", rows[group], " rows");
    }
  }
  return "";
}

}  // namespace

std::uint64_t entriesPerRow(const FieldDescriptor& column, const heapprof::Geometry* geometry) {
  if (column.containing_type() == heapprof::Stacks::descriptor()) {
    return column.number() == heapprof::Stacks::kLifetimeBucketsFieldNumber ? kLifetimeBuckets : 1;
  }
  if (column.containing_type() != heapprof::HugePages::descriptor()) {
    return 1;
  }
  switch (column.number()) {
    case heapprof::HugePages::kUsedGranulesFieldNumber:
    case heapprof::HugePages::kBackedGranulesFieldNumber:
      return geometry == nullptr ? 0 : bitmapWords(geometry->placement_bytes(), geometry->granule_bytes());
    case heapprof::HugePages::kResidentPagesFieldNumber:
      return geometry == nullptr ? 0 : bitmapWords(geometry->placement_bytes(), geometry->page_bytes());
    default:
      return 1;
  }
}

std::string columnFault(const heapprof::HeapSnapshot& snapshot, bool complete) {
  const heapprof::Geometry* geometry =
      snapshot.header().has_geometry() ? &snapshot.header().geometry() : nullptr;
  const std::initializer_list<const Message*> columns = {
      &snapshot.size_classes(), &snapshot.extents(), &snapshot.huge_pages(), &snapshot.samples(),
      &snapshot.timeline(),     &snapshot.threads(), &snapshot.stacks()};
  for (const Message* message : columns) {
    if (std::string fault = messageFault(*message, geometry, complete); !fault.empty()) {
      return fault;
    }
  }
  return "";
}

}  // namespace heapprof::formats
