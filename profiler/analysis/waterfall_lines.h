// The lines of the RSS waterfall of one dump: one row of a table each, and the rule that makes them sum.
//
// Invariant: each line is a figure of the dump, none a remainder; `unattributed` is the kernel's RSS minus
// all known lines, and unknown where the kernel's figure is. Requested and slack split the live bytes, which
// the allocator counts, as sampling says (runtime/introspect/requested_estimate.h); its error moves bytes
// between the two only.
#pragma once

#include <string>
#include <vector>

#include "absl/types/optional.h"

#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

struct WaterfallLine {
  const char* id;
  const char* label;
  const char* help;
  absl::optional<double> bytes;  // nullopt: unknown
  double error = 0;              // standard error; NaN: none known, 0: exact
};

struct Waterfall {
  std::vector<WaterfallLine> lines;  // the last is "unattributed"
  absl::optional<double> kernelRss;
  absl::optional<double> countedLive;  // what requested and slack split by sampling; unset where they do not
  std::vector<std::string> notes;
  const WaterfallLine* find(absl::string_view id) const;
};

// `split` false: live objects as one line even where sampling says what of them was requested, so that they
// can be compared with a dump that does not know.
Waterfall waterfallOf(const model::Snapshot& snapshot, bool split = true);

}  // namespace heapprof::analysis
