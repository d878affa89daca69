// The join between stacks and pages: live samples laid on the huge pages they lie in.
//
// Invariant: a sample's weight is 1/(1-exp(-allocated/interval)), so sums are unbiased estimates of bytes. A
// sample that spans several units (a large object) is shared among them by its bytes in each.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// One live sample's part in [start, start + length).
struct SamplePart {
  int row = 0;       // of LiveSamples
  double bytes = 0;  // estimate
  double variance = 0;
  double objects = 0;  // estimate of objects that begin here
};

// Parts within one stretch of addresses.
std::vector<SamplePart> samplesWithin(const model::Snapshot& snapshot, std::uint64_t start,
                                      std::uint64_t length);

// Rewrites map->liveFraction to what the stacks that pass the query's filters hold, by sampling; unknown
// without samples.
absl::Status liveOfFilteredStacks(const model::Query& query, const Cancel& cancel, HeapMap* map);

// Sample row of the profile for each row of LiveSamples; npos where its stack is not in the dump.
std::vector<std::size_t> profileRows(const model::Snapshot& snapshot);
inline constexpr std::size_t kNoProfileRow = static_cast<std::size_t>(-1);

}  // namespace heapprof::analysis
