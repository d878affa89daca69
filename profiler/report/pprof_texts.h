// `tree`, `peek`, `traces`, `tags` and `raw` as pprof prints them, line for line.
// Invariant: pure; layouts of the analyses' tables, nothing is summed here.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

std::string treeText(const model::Query& query, const analysis::TreeResult& result);  // peek's, too
std::string tracesText(const analysis::SamplesResult& result);
std::string tagsText(const analysis::SamplesResult& result);
std::string rawText(const analysis::RawResult& result);

}  // namespace heapprof::report
