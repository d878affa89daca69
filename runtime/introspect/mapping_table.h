// The executable mappings of this process as pprof wants them: mapping[0] is the main binary, ids from 1,
// with build ids.
//
// Invariant: rows are in address order for find(); emission order and ids put the main binary first. Filled
// once a dump; bounded by kMaxMappings (further ones are left out, their addresses then have no mapping). One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/introspect/dump_memory.h"

namespace heapprof::introspect {

struct MappingRow {
  std::uintptr_t start;
  std::uintptr_t limit;
  std::uint64_t offset;
  const char* name;
  const char* buildId;
  std::uint64_t id;
};

class MappingTable {
 public:
  static constexpr std::size_t kMaxMappings = 16384;
  // False when there is no memory or /proc/self/maps cannot be read: the table is empty then.
  bool load(DumpMemory& memory) noexcept;
  std::uint64_t find(std::uintptr_t address) const noexcept;  // its id, 0: none
  std::size_t size() const noexcept { return size_; }
  const MappingRow& inOrderOfId(std::size_t i) const noexcept;

 private:
  struct Loader;
  MappingRow* rows_ = nullptr;
  std::size_t size_ = 0;
  std::size_t main_ = 0;
};

}  // namespace heapprof::introspect
