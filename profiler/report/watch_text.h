// One look of `watch`, as a few lines that fit a terminal: figures with what they changed by, where RSS is,
// and the stacks that grew most. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/types/optional.h"

#include "profiler/report/document.h"

namespace heapprof::report {

struct Watch {
  std::string who;
  std::vector<Fact> facts, lastFacts;  // of this look and the one before, where there was one
  absl::optional<double> hugeBytes;    // nullopt: unknown
  model::Table waterfall;              // empty without a dump
  model::Table stacks;                 // analysis::diffStacks, at the first look analysis::owners
  bool stacksAreChanges = false;
  std::size_t rows = 8;

  std::vector<model::Table> tables() const;
};

std::string watchText(const Watch& watch);

// For a terminal of so many rows and columns: drawn over what is there without wiping it first; what does not
// fit is cut off, because a terminal that scrolls cannot be drawn over. 0: unknown.
std::string overdrawn(const std::string& text, std::size_t rows, std::size_t columns);

}  // namespace heapprof::report
