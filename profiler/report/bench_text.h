// `bench` for a person: what differs beyond noise at a glance, then each figure with its medians, ratios and
// verdicts. Pure.
#pragma once

#include <string>

#include "profiler/analysis/bench.h"

namespace heapprof::report {

struct BenchHeading {
  std::string command;
  std::string base;
};
std::string benchText(const BenchHeading& heading, const analysis::BenchResult& result);

}  // namespace heapprof::report
