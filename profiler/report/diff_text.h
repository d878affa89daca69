// `diff` as a tired engineer reads it at night: what the whole did, what the kernel saw, then the stacks that
// changed, each with its function first, in falling order; what is within its error is counted, not listed.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

struct DiffView {
  const model::Snapshot* base = nullptr;
  const model::Snapshot* now = nullptr;
  const model::Table* stacks = nullptr;  // of analysis::diffStacks
  const model::Table* totals = nullptr;  // of analysis::diffTotals
  std::string metric;
  std::size_t rows = 12;
  bool allTotals = false;
  bool fullStacks = false;
};

// Sums over all stacks; their errors are independent, so variances add. error: nullopt where one stack's is
// unknown.
struct DiffSum {
  double base = 0, now = 0, change = 0;
  absl::optional<double> error;
};
DiffSum diffSum(const model::Table& stacks);

std::string diffText(const DiffView& view);

}  // namespace heapprof::report
