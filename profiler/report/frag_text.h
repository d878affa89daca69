// `frag` as a tired engineer reads it at night: how much of the heap holds no data and why, then who pins it
// and what would come back, then classes and huge pages. With a base: what
// of it changed.
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

// Of analysis::changed(): the same tables by what changed since the dump at `basePath`.
std::string fragChangeText(const FragView& view, const std::string& basePath);

}  // namespace heapprof::report
