// `summary` for a person: the waterfall as a chart whose figures share one unit and sum, then the findings.
#pragma once

#include <string>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

// `baseline` is null without one, `waterfall` where the dump has no account of RSS.
std::string summaryText(const model::Snapshot& snapshot, const model::Snapshot* baseline,
                        const model::Table* waterfall, const std::vector<analysis::Finding>& findings);

}  // namespace heapprof::report
