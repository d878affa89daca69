// `trend` for a person: totals over time, then the stacks that move, fastest first.
#pragma once

#include <string>

#include "profiler/analysis/trend.h"

namespace heapprof::report {

std::string trendText(const analysis::Trend::Result& result, std::size_t dumps, std::size_t rows,
                      bool fullStacks);

}  // namespace heapprof::report
