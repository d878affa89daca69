// What each huge page (placement unit) holds: live objects, free room inside slabs, free granules.
//
// Invariant: extents are cut at unit borders, their figures shared by bytes; sums over units equal sums over
// extents. Units are in order of address; one with nothing resident and nothing live is left out.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

struct UnitRoom {
  std::uint64_t start = 0;
  double live = 0;      // bytes of live objects
  double slabFree = 0;  // resident room inside slabs
  double dirty = 0;     // free granules that are resident
  double absent = 0;    // free granules that are not
  std::uint32_t kernelState = 0;
  double resident() const { return live + slabFree + dirty; }
};

class UnitRooms {
 public:
  explicit UnitRooms(const model::Snapshot& snapshot);
  const std::vector<UnitRoom>& rows() const { return rows_; }
  std::uint64_t unitBytes() const { return unit_; }
  // Row that holds the address; rows().size() where there is none.
  std::size_t find(std::uint64_t address) const;

 private:
  void addExtent(const heapprof::Extents& extents, int row);

  std::uint64_t unit_ = 0, region_ = 0;
  std::vector<UnitRoom> rows_;
};

}  // namespace heapprof::analysis
