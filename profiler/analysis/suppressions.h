// Suppressions in LeakSanitizer's format: lines "leak:PATTERN"; a pattern matches anywhere in the name of a
// function, source file or module of the stack; * stands for anything, ^ and $ for the name's ends; lines
// that begin with # are comments. One file serves both tools.
//
// Invariant: immutable after parse(), except for the counts of what matched.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace heapprof::analysis {

struct Suppression {
  std::string pattern;
  double bytes = 0;  // of stacks that it matched
  std::size_t stacks = 0;
};

// `name` stands in errors for the file. Lines for other tools ("race:...") are passed over, as LSan does.
absl::StatusOr<std::vector<Suppression>> parseSuppressions(absl::string_view text, absl::string_view name);

bool suppresses(absl::string_view pattern, absl::string_view name);

// The first that matches one of the lines in `names`; null where none does.
Suppression* findSuppression(std::vector<Suppression>& all, absl::string_view frames,
                             absl::string_view files);

}  // namespace heapprof::analysis
