// `leaks` for a person: the suspects, each with its stack and what the verdict rests on; the rest counted.
#pragma once

#include <string>

#include "profiler/analysis/leaks.h"

namespace heapprof::report {

struct LeaksView {
  const analysis::Histories* histories = nullptr;
  const analysis::LeakReport* result = nullptr;
  std::size_t rows = 12;
  bool all = false;  // list the unsuspicious as well
  bool fullStacks = false;
};

std::string leaksText(const LeaksView& view);

}  // namespace heapprof::report
