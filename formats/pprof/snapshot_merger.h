// Takes the chunks of field 1000 one after the other into one HeapSnapshot.
//
// Invariant: after take() gave true every delta-coded column in `snapshot` is absolute, and every column
// message has the same number of rows in each column that is present. A chunk is walked before libprotobuf
// parses it: that finds the place of a fault, which libprotobuf does not tell, and what parsing would cost,
// before it is spent. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "formats/pprof/field_cursor.h"
#include "formats/proto/heap_snapshot.pb.h"

namespace heapprof::formats {

class SnapshotMerger {
 public:
  explicit SnapshotMerger(heapprof::HeapSnapshot& snapshot) : out_(snapshot) {}

  // What the parsed chunk will take in memory; false: fault() and faultAt().
  bool check(FieldCursor chunk, std::uint64_t* memoryBytes);
  // `sampleRows`: the profile's samples so far, from which the room for their stacks is guessed.
  bool take(FieldCursor chunk, std::uint64_t sampleRows);

  const std::string& fault() const { return fault_; }
  const std::uint8_t* faultAt() const { return faultAt_; }  // null: the chunk as a whole

 private:
  bool walk(const google::protobuf::Descriptor* type, FieldCursor message, std::uint64_t* bytes);
  bool walkContent(const google::protobuf::FieldDescriptor* known, const Field& field, std::uint64_t* bytes);
  bool fail(const std::uint8_t* at, std::string what);
  void makeRoom(FieldCursor chunk, std::uint64_t sampleRows);
  heapprof::HeapSnapshot& out_;
  std::string fault_;
  const std::uint8_t* faultAt_ = nullptr;
};

// Whether each present column has as many entries as its rows ask for, and the geometry fits the bitmaps; ""
// is yes. `complete`: the whole snapshot has been taken, else bitmaps are only checked for whole rows.
std::string columnFault(const heapprof::HeapSnapshot& snapshot, bool complete);

// Entries a row has in this column: 1, or more for bitmaps and histograms; 0 where it is not known or not a
// column.
std::uint64_t entriesPerRow(const google::protobuf::FieldDescriptor& column,
                            const heapprof::Geometry* geometry);

}  // namespace heapprof::formats
