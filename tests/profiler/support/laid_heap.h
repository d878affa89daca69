// A heap that a test lays out slab by slab, one size class, objects that say whose they are; and its dump, as
// the runtime would sample it.
//
// Invariant: the dump depends on the seed only. Every object of a name is on the stack malloc < name < main.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::test {

inline constexpr std::uint64_t kRegion = 0x7f0000000000, kUnit = 2 << 20, kSlab = 32 << 10, kObject = 256;
inline constexpr std::uint64_t kSlots = kSlab / kObject;

class LaidHeap {
 public:
  struct Slab {
    std::vector<std::string> objects;
  };
  std::vector<Slab> slabs;
  std::uint64_t dirtyAtEnd = 0;  // free resident bytes behind the last slab
  std::size_t unsampled = 0;     // objects of the first slabs that sampling came too late for
  std::uint64_t requested = kObject - 16;

  // Each object is sampled with 1-exp(-size/interval); interval 1: all of them.
  SnapshotMaker dump(std::uint64_t interval, std::uint64_t seed) const;

 private:
  void writeHeader(heapprof::HeapSnapshot& heap, std::uint64_t interval) const;
  void writeExtents(heapprof::HeapSnapshot& heap) const;
};

}  // namespace heapprof::test
