// Where libheapprof.so is: HEAPPROF_LIBRARY, else beside this executable (build tree and install tree), else
// the prefix it was configured for. Thread-safe; reads the environment.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace heapprof::capture {

// An absolute path. Errors are one line that names every place looked at.
absl::StatusOr<std::string> findRuntimeLibrary();

}  // namespace heapprof::capture
