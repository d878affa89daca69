// `purge` for a person: what was returned and what came back, verdicts by reason, what blocks the rest. With
// a base: what of it changed.
#pragma once

#include <string>

#include "profiler/analysis/purge.h"

namespace heapprof::report {

struct PurgeView {
  const model::Snapshot* snapshot = nullptr;
  const model::Snapshot* base = nullptr;  // of purgeChangeText()
  const analysis::PurgeResult* result = nullptr;
  std::size_t rows = 20;    // at most so many purges and stacks
  bool listEvents = false;  // the last purges one by one
};

std::string purgeText(const PurgeView& view);

// Of analysis::changed(): each figure with what it was in the base.
std::string purgeChangeText(const PurgeView& view);

}  // namespace heapprof::report
