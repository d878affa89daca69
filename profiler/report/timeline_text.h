// `timeline` for a person: first to last and the peaks, then lines evenly spaced in time with a bar of RSS,
// and what the program marked in its place.
#pragma once

#include <string>

#include "profiler/analysis/timeline.h"

namespace heapprof::report {

// `lines`: at most so many, evenly spaced, besides the peak of RSS, which always has its line.
std::string timelineText(const model::Snapshot& snapshot, const analysis::TimelineResult& result,
                         std::size_t lines);

}  // namespace heapprof::report
