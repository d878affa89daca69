// What is known of the errors of a merge: variances and raw counts of its samples, added up over the inputs.
//
// Invariant: variances of independent estimates add, each times the square of its input's scale; where one
// input says nothing of a sample that it holds, the sum's variance is NaN (unknown). Raw counts, lifetimes
// and times are of sums only: a subtraction has none, and neither has a sum with a part that has none (absent
// is unknown). A stack's own peaks are not added: they were at different moments. One row a merged sample.
#pragma once

#include <array>
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
  static constexpr std::size_t kBuckets = 48;  // of lifetimes, as in Stacks.lifetime_buckets

  struct Site {
    bool isKnown = false;  // some input has a row of it
    bool hasUnknownVariance = false;
    double inuse = 0, alloc = 0;  // variances
    std::uint64_t allocations = 0, frees = 0, live = 0;
    std::uint64_t allocatedBytes = 0, firstSeen = 0, lastSeen = 0;
    std::uint32_t kind = 0;
  };

  void addRow(const heapprof::Stacks& stacks, int row, double squared, Site* site);
  void append(std::uint64_t id, Row sample, const Site& site, heapprof::Stacks* out) const;

  std::vector<Site> sites_;                                     // by merged row
  std::vector<std::array<std::uint32_t, kBuckets>> lifetimes_;  // by merged row, while hasCounts_
  bool hasVariances_ = false, hasCounts_ = true;
};

}  // namespace heapprof::formats
