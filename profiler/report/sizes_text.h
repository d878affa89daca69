// `sizes` and `cost` for a person.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

std::string sizesText(const model::Snapshot& snapshot, const analysis::SizesResult& result, std::size_t rows,
                      bool fullStacks);
std::string costText(const model::Snapshot& snapshot, const analysis::CostResult& result,
                     const std::string& currency);

}  // namespace heapprof::report
