// A whole dump as columns: what the streaming reader fills and the writers take. Plain data, no behaviour.
//
// Invariants after readProfile() or validate() returned OK: strings[0] is ""; every string index is below
// strings.size(); every *_begin column has rows+1 entries, starts at 0, never falls, and ends at the size of
// the column it points into; every sample has one of the stacks, whose locations are rows (not ids) of
// `locations`; a location's mapping is a row or kNoRow; values.size() == samples x sampleTypes. Ids of the
// file are gone: rows are used throughout. Owner: whoever holds it; immutable once it is inside a Snapshot.
// Memory: about 1.5x the file before gzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

#include "formats/proto/heap_snapshot.pb.h"

namespace heapprof::formats {

using StringIndex = std::uint32_t;
using Row = std::uint32_t;
inline constexpr Row kNoRow = 0xffffffffu;

struct ValueType {
  StringIndex type = 0;
  StringIndex unit = 0;
};

// Labels of all samples, one row each; label rows of sample i are [labelBegin[i], labelBegin[i+1]).
struct LabelColumns {
  std::vector<StringIndex> key;
  std::vector<StringIndex> str;  // 0 where the label is numeric
  std::vector<std::int64_t> num;
  std::vector<StringIndex> unit;
};

// Samples share them: a profile has about ten samples a stack (of each size, thread, age). The reader gives
// equal stacks one row; profiles made by other means may repeat some.
struct StackColumns {
  std::vector<std::uint64_t> locationBegin{0};
  std::vector<Row> locations;  // rows of LocationColumns, leaf first
  std::size_t size() const { return locationBegin.size() - 1; }
  absl::Span<const Row> operator[](Row stack) const {
    const std::uint64_t begin = locationBegin[stack];
    return absl::MakeConstSpan(locations.data() + begin, locationBegin[stack + std::size_t{1}] - begin);
  }
};

struct SampleColumns {
  std::vector<Row> stack;  // of each sample
  StackColumns stacks;
  std::vector<std::int64_t> values;  // sample-major: values[i * sampleTypes + t]
  std::vector<std::uint64_t> labelBegin{0};
  LabelColumns labels;
  std::size_t size() const { return stack.size(); }
  absl::Span<const Row> locationsOf(std::size_t sample) const { return stacks[stack[sample]]; }
  // The locations at the end of `stacks` that no stack has yet become one, which is the next sample's.
  void takeStack() {
    stack.push_back(static_cast<Row>(stacks.size()));
    stacks.locationBegin.push_back(stacks.locations.size());
  }
};

struct LocationColumns {
  std::vector<std::uint64_t> id;       // as in the file, kept for -raw and for rewriting
  std::vector<Row> mapping;            // row or kNoRow
  std::vector<std::uint64_t> address;  // return address minus one
  std::vector<std::uint8_t> folded;
  std::vector<std::uint64_t> lineBegin{0};
  std::vector<Row> lineFunction;  // rows of FunctionColumns, innermost inlined frame first
  std::vector<std::int64_t> lineNumber;
  std::vector<std::int64_t> lineColumn;
  std::size_t size() const { return address.size(); }
};

struct FunctionColumns {
  std::vector<std::uint64_t> id;
  std::vector<StringIndex> name;
  std::vector<StringIndex> systemName;
  std::vector<StringIndex> file;
  std::vector<std::int64_t> startLine;
  std::size_t size() const { return name.size(); }
};

struct Mapping {
  std::uint64_t id = 0;
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;
  StringIndex file = 0;
  StringIndex buildId = 0;
  bool hasFunctions = false;
  bool hasFilenames = false;
  bool hasLineNumbers = false;
  bool hasInlineFrames = false;
};

struct ProfileColumns {
  std::vector<std::string> strings{""};
  std::vector<ValueType> sampleTypes;
  SampleColumns samples;
  LocationColumns locations;
  FunctionColumns functions;
  std::vector<Mapping> mappings;
  StringIndex dropFrames = 0;
  StringIndex keepFrames = 0;
  std::int64_t timeNanos = 0;
  std::int64_t durationNanos = 0;
  ValueType periodType;
  std::int64_t period = 0;
  std::vector<StringIndex> comments;
  StringIndex defaultSampleType = 0;

  // Field 1000, all chunks merged; its columns are protobuf's own packed arrays (already columnar). Absent in
  // profiles of other tools. Delta-coded columns (Extents.start_delta, HugePages.index_delta) are rewritten
  // by the reader to absolute values, so that one chunk or many read alike.
  bool hasHeapSnapshot = false;
  heapprof::HeapSnapshot heapSnapshot;

  std::uint64_t fileBytes = 0;      // on disk
  std::uint64_t messageBytes = 0;   // after gunzip
  std::uint64_t unknownFields = 0;  // fields of later versions that were skipped
};

}  // namespace heapprof::formats
