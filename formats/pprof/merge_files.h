// Merges any number of files into one profile, reading each once: a fleet's dumps of one service.
//
// Invariant: the result is mergeProfiles() of all of them in the order given. Memory: about three times the
// result, or of the largest file, whatever the number of files: what was read is merged as soon as it is as
// large as the result so far (so no byte is merged more than about twice). Of the heap snapshots the last one
// is kept, and of all others what errors need (stack_sums.h). Thread-safe: no shared state.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "formats/pprof/profile_columns.h"
#include "formats/pprof/read_profile.h"

namespace heapprof::formats {

struct MergeFilesOptions {
  ReadOptions read;  // its progress is not used
  // Called before each file; false cancels.
  std::function<bool(std::size_t done, std::size_t total)> progress;
  // Called with what is wrong with a file; true: go on without it. Empty: the first wrong file ends it all.
  std::function<bool(const absl::Status& wrong)> skip;
  std::size_t leastBatchBytes = 16 << 20;  // merged at once; smaller in tests
};

absl::StatusOr<ProfileColumns> mergeFiles(absl::Span<const std::string> paths,
                                          const MergeFilesOptions& options = {});

}  // namespace heapprof::formats
