// `top` as pprof prints it, byte for byte: label lines, the line of totals, the header, a row a node.
// Invariant: pure; the time is shown in the local zone, as pprof does.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

std::string topText(const model::Query& query, const analysis::TopResult& result);

}  // namespace heapprof::report
