// `frag` as a tired engineer reads it at night: how much of the heap holds no data and why, then who pins it
// and what would come back, then classes and huge pages.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

struct FragView {
  const model::Snapshot* snapshot = nullptr;
  const analysis::FragResult* result = nullptr;
  std::size_t rows = 10;  // stacks and classes
  bool fullStacks = false;
  bool hugePages = false;  // list those with most free
};

std::string fragText(const FragView& view);

}  // namespace heapprof::report
