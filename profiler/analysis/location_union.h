// The locations of one or two dumps as one table, joined as pprof's merge joins them: mappings by size,
// offset and build id (else file), locations by address within their mapping and by lines, functions by name,
// file and start. So two dumps of one program agree although address space randomisation moved it.
//
// Invariant: only locations of samples with a value are in the table; mappings()[0] is the first dump's main
// binary. Strings are views into the dumps, which must outlive this. Not thread-safe while add() runs, then
// immutable.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

inline constexpr std::uint32_t kNone = 0xffffffffu;

// Strings of several dumps under one numbering. 0 is "".
class StringPool {
 public:
  StringPool() { intern(""); }
  std::uint32_t intern(absl::string_view text);  // a view that outlives the pool
  std::uint32_t internCopy(std::string text);
  absl::string_view operator[](std::uint32_t id) const { return texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::vector<absl::string_view> texts_;
  absl::flat_hash_map<absl::string_view, std::uint32_t> ids_;
  std::vector<std::unique_ptr<std::string>> owned_;
};

class LocationUnion {
 public:
  struct Mapping {
    std::uint64_t start = 0;
    std::uint32_t file = 0;
    std::uint32_t buildId = 0;
  };
  struct Function {
    std::uint32_t name = 0;
    std::uint32_t systemName = 0;
    std::uint32_t file = 0;
    std::int64_t startLine = 0;
    bool operator==(const Function& other) const {
      return name == other.name && systemName == other.systemName && file == other.file &&
             startLine == other.startLine;
    }
  };
  struct Frame {
    std::uint32_t function = kNone;  // kNone: no symbol
    std::int64_t line = 0;
    bool operator==(const Frame& other) const { return function == other.function && line == other.line; }
  };
  struct Location {
    std::uint32_t mapping = kNone;
    std::uint64_t address = 0;
    std::uint32_t frameBegin = 0;  // innermost inlined frame first; none where there is no symbol
    std::uint32_t frameEnd = 0;
    bool folded = false;
  };

  // Side 0 first, then side 1 if there is a baseline.
  void add(const model::Snapshot& snapshot, std::size_t side);

  // Row of locations() for a location row of a dump; kNone: used by no sample with a value.
  std::uint32_t locationOf(std::size_t side, formats::Row row) const { return unionRow_[side][row]; }
  // String ids for strings of a dump.
  std::uint32_t stringOf(const model::Snapshot& snapshot, std::size_t side, formats::StringIndex index);

  const std::vector<Location>& locations() const { return locations_; }
  const std::vector<Function>& functions() const { return functions_; }
  const std::vector<Mapping>& mappings() const { return mappings_; }
  absl::Span<const Frame> framesOf(const Location& location) const {
    return absl::MakeConstSpan(frames_).subspan(location.frameBegin, location.frameEnd - location.frameBegin);
  }
  const StringPool& strings() const { return strings_; }
  StringPool& strings() { return strings_; }

 private:
  struct MappingKey {
    std::uint64_t size, offset;
    std::uint32_t identity;
    bool operator==(const MappingKey& o) const {
      return size == o.size && offset == o.offset && identity == o.identity;
    }
    template <typename H>
    friend H AbslHashValue(H h, const MappingKey& key) {
      return H::combine(std::move(h), key.size, key.offset, key.identity);
    }
  };
  std::uint32_t addMapping(const model::Snapshot& snapshot, std::size_t side, formats::Row row);
  std::uint32_t addFunction(const model::Snapshot& snapshot, std::size_t side, formats::Row row);
  std::uint32_t addLocation(const model::Snapshot& snapshot, std::size_t side, formats::Row row);
  std::uint32_t findOrKeep(const Location& location);
  bool same(const Location& a, const Location& b) const;
  std::uint64_t offsetOf(const Location& location) const;

  StringPool strings_;
  std::vector<Mapping> mappings_;
  std::vector<Function> functions_;
  std::vector<Frame> frames_;
  std::vector<Location> locations_;
  absl::flat_hash_map<MappingKey, std::uint32_t> mappingByKey_;
  absl::flat_hash_map<std::uint64_t, std::vector<std::uint32_t>> functionsByHash_;
  absl::flat_hash_map<std::uint64_t, std::vector<std::uint32_t>> locationsByHash_;
  struct SideRows {
    std::vector<std::uint32_t> strings, functions;
    std::vector<std::uint32_t> mappings;
    std::vector<std::uint64_t> mappingShift;  // added to addresses, modulo 2^64
  };
  std::array<SideRows, 2> rows_;
  std::array<std::vector<std::uint32_t>, 2> unionRow_;
};

}  // namespace heapprof::analysis
