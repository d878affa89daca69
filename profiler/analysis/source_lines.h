// What functions hold, line by line, for a listing of their source: pprof's list.
//
// Invariant: as in analyses.h; no file is opened here, the caller reads the source. A routine is a function
// in one file; its lines rise, and are those that stacks pass through.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct SourceLines {
  struct Line {
    std::int64_t number = 0, flat = 0, cum = 0;
  };
  struct Routine {
    std::string function, file;  // file: as the profile has it; "": no source is known
    std::int64_t flat = 0, cum = 0;
    std::int64_t first = 0,
                 last = 0;  // to show: from the function's first line, or five around those with figures
    std::vector<Line> lines;
  };
  std::vector<Routine> routines;  // by function, then file
  std::int64_t total = 0;
  std::string metric, unit;
  std::vector<std::string> notes;
};

// Functions whose name matches `regex`; none is an error.
absl::StatusOr<SourceLines> sourceLines(const model::Query& query, absl::string_view regex,
                                        const Cancel& cancel = {});

}  // namespace heapprof::analysis
