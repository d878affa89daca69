// Several files as one dump, merged as pprof merges them.
// Invariant: of heap snapshots the last file's is kept; standard errors are those of the sums. Memory
// follows the result, not the number of files (formats/pprof/merge_files.h).
#pragma once

#include <string>
#include <vector>

#include "profiler/model/snapshot.h"

namespace heapprof::model {

// At least one; one alone is loadSnapshot().
absl::StatusOr<SnapshotPtr> loadSnapshots(const std::vector<std::string>& paths,
                                          const LoadOptions& options = {});

}  // namespace heapprof::model
