// Live samples joined to where they lie: the extent (slab) and the huge page of each, and what these hold
// free.
//
// Invariant: rows are those of LiveSamples that the dump has whole. `weight` is 1/p with p =
// 1-exp(-allocated/interval); sums of weight x figure are unbiased, their variance is the sum of
// (1-p)/p^2 x figure^2. A sample whose extent the dump does not list has kNoExtent and pins nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

inline constexpr int kNoExtent = -1;

struct PlacedSample {
  int row = 0;             // of LiveSamples
  int extent = kNoExtent;  // row of Extents
  std::uint64_t slab = 0;  // number of the slab within its extent, for runs that are one row
  double slabs = 1;        // slabs in its extent
  std::uint64_t address = 0;
  std::size_t profileRow = 0;  // kNoProfileRow: its stack is not in the dump
  double allocated = 0;
  double requested = 0;
  double chance = 1;  // p
  double weight() const { return 1 / chance; }
  double varianceFactor() const { return (1 - chance) / (chance * chance); }
};

std::vector<PlacedSample> placeSamples(const model::Snapshot& snapshot);

// An extent's room that holds no object and is resident: free slots, slots in thread caches, tails.
struct ExtentRoom {
  double resident = 0;
  double live = 0;     // bytes of live objects
  double free = 0;     // resident - live, at least 0
  double objects = 0;  // live ones
};
// Row of Extents; figures are for the whole row. Residency unknown: all is taken as resident.
ExtentRoom roomOf(const heapprof::Extents& extents, int row);
bool isSlab(const heapprof::Extents& extents, int row);

}  // namespace heapprof::analysis
