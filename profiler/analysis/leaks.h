// Verdicts on all stacks of one dump or several of one program, suspects first; suppressed ones counted
// apart.
//
// Invariant: pure. Suspects come in the order of what they are worth: growth by its pace, old objects by
// bytes.
#pragma once

#include <string>
#include <vector>

#include "profiler/analysis/leak_verdict.h"
#include "profiler/analysis/suppressions.h"
#include "profiler/model/table.h"

namespace heapprof::analysis {

struct LeakReport {
  model::Table stacks;      // verdict, live, growth, rate, oldest, freed, evidence, owner, stack, place
  model::Table verdicts;    // verdict, stacks, live, largest owner
  model::Table suppressed;  // pattern, stacks, bytes
  std::size_t suspects = 0;
  std::size_t undecided = 0;  // grew or still allocating: before the third dump nobody can judge them
  // The one line that a reader came for: "2 suspects", or why there can be none.
  std::string answer;
};

LeakReport leakReport(const Histories& histories, std::vector<Suppression> suppressions);

}  // namespace heapprof::analysis
