// Waste shared out to the stacks whose live objects pin it.
//
// The rule: in a slab with L live objects and F free bytes, each live object has F/L; in a huge page with D
// free resident bytes, each live byte has its part of D. A stack's share is the sum over its objects,
// estimated from its samples. Where a class's samples agree with what the allocator counted, they are scaled
// to the count (a ratio estimate: no error where one stack holds the whole class); where they do not, as when
// sampling began late, the rest stays nobody's.
//
// "Comes back" asks more: a slab goes only when all of its objects do. Given one object of the stack, the
// chance that the other L-1 are its as well is taken from a beta-binomial law, fitted by class to how often
// two samples of one slab have one stack.
//
// Invariant: shares are additive (all stacks and `unshared` sum to the waste in use); variances carry a floor
// for what few samples cannot exclude, so an error of 0 needs every allocation recorded.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/analysis/frag_units.h"
#include "profiler/analysis/placed_samples.h"

namespace heapprof::analysis {

struct Estimate {
  double value = 0;
  double variance = 0;
  void add(const Estimate& other) {
    value += other.value;
    variance += other.variance;
  }
};

struct FragShare {
  Estimate holds;      // allocated bytes of its live objects
  Estimate slack;      // of these, rounding
  Estimate slab;       // its share of free room inside slabs
  Estimate page;       // its share of free pages in huge pages
  Estimate pins;       // slab and page: what others cannot use because of it
  Estimate comesBack;  // if all of its objects went
  double objects = 0;
};

struct FragShares {
  std::vector<FragShare> byGroup;
  FragShare unshared;                    // waste next to objects of no sampled stack
  std::vector<double> groupBytesInUnit;  // by unit: the bytes of the group that holds most of it
  std::vector<std::uint32_t> mainGroupOfUnit;
};

// groupOfSample: by index of `samples`; kNoGroup: counted as somebody else's.
FragShares shareOut(const model::Snapshot& snapshot, const std::vector<PlacedSample>& samples,
                    const std::vector<std::uint32_t>& groupOfSample, std::size_t groups,
                    const UnitRooms& units);

}  // namespace heapprof::analysis
