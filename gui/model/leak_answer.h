// The answer of the leaks page: verdicts on all stacks of the open dumps, and the histories they rest on.
// Computes no figure of its own: it is what `heapprof leaks FILES` computes.
//
// Invariant: immutable; `rowOf[i]` is the history of row i of report.stacks. A suppressions file that cannot
// be used changes nothing but `problem`. Any thread.
#pragma once

#include <QString>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/leaks.h"

namespace heapprof::gui {

struct LeakAnswer {
  analysis::Histories histories;
  analysis::LeakReport report;
  std::vector<std::uint32_t> rowOf;  // into histories.stacks()
  QString problem;                   // with the suppressions file; one line
};

// `queries`: one a dump, in any order of time. `suppressions`: a file in LeakSanitizer's format, or "".
absl::StatusOr<LeakAnswer> findLeaks(const std::vector<model::Query>& queries, const QString& suppressions,
                                     const analysis::Cancel& cancel = {});

// "5 dumps over 12min, the last after.pb.gz: 2 suspects"
QString leakHeadline(const LeakAnswer& answer);

}  // namespace heapprof::gui
