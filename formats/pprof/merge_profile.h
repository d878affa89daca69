// Merges profiles as pprof does: equal stacks with equal labels become one sample whose values are added.
//
// Invariant: the result is valid; for each sample type that all inputs have, its sum is the sum over the
// inputs of scale x sum (modulo 2^64). Two locations are one when their mapping (build id or file, size and
// offset), their address less the mapping's start, their lines and their folding agree, so runs at other load
// addresses merge. What no sample of the result uses is not in it, but for the first input's first mapping.
// Pure; thread-safe. Memory: the result and a hash table of its rows; twice the result where samples cancel.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

struct MergeInput {
  const ProfileColumns* profile = nullptr;  // valid
  std::int64_t scale = 1;                   // -1: a baseline to subtract
};

// Sample types: those that all inputs have, by name and unit, in the order of the first input; none is an
// error, and so are periods of different kinds. Samples whose values all become 0 go, unless the kept
// snapshot refers to them. The time is the earliest, the duration the sum, the period the largest, the
// preferred type the first that an input names; comments are joined. One heap snapshot cannot be added to
// another: that of the last input with a positive scale is kept, its stacks pointing to the merged samples,
// each with the sum of all inputs' variances and without raw counts (stack_sums.h).
absl::StatusOr<ProfileColumns> mergeProfiles(absl::Span<const MergeInput> inputs);

}  // namespace heapprof::formats
