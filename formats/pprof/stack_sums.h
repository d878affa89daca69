// What is known of the errors of a merge: the variances of its samples, added up over the inputs.
//
// Invariant: variances of independent estimates add, each times the square of its input's scale; where one
// input says nothing of a sample that it holds, the sum's variance is NaN (unknown). Raw counts, lifetimes,
// times and peaks are left out of sums (absent is unknown): they are read beside the ages of live samples,
// and these are one input's. One row a merged sample.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

class StackSums {
 public:
  // `mergedRow` is of each sample of the input what it has become; kNoRow: it was left out.
  void add(const heapprof::Stacks& stacks, absl::Span<const Row> mergedRow, std::int64_t scale);

  // Into the snapshot that the merge keeps, whose stacks point to merged samples by now and keep their ids;
  // `isZero` is of each merged sample whether it goes for holding nothing.
  void putInto(const std::vector<bool>& isZero, heapprof::HeapSnapshot* kept) const;

 private:
  struct Site {
    bool isKnown = false;  // some input has a row of it
    bool hasUnknownVariance = false;
    double inuse = 0, alloc = 0;  // variances
    std::uint64_t allocatedBytes = 0;
    std::uint32_t kind = 0;
  };

  std::vector<Site> sites_;  // by merged row
  bool hasVariances_ = false;
};

}  // namespace heapprof::formats
