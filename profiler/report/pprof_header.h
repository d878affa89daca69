// What pprof writes above its reports, and how it writes their figures. Shared by every text that must equal
// pprof's byte for byte.
//
// Invariant: pure; the time is shown in the local zone, as pprof does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

// Figures in one unit for the whole report: that of the smallest row, but where the total is in a larger one
// and more than a hundred times as much, the unit of a hundredfold of it, so that the smallest still shows as
// 0.01.
class Figures {
 public:
  Figures(const model::Query& query, const analysis::TopResult& result);
  // Without rows to choose by: each figure in its own unit, where the query names none.
  Figures(const model::Query& query, std::string sampleUnit);

  std::string operator()(std::int64_t value) const;

 private:
  std::int64_t scaled(std::int64_t value) const;
  void choose(const analysis::TopResult& result);

  std::string sampleUnit_, unit_;
  double ratio_ = 1;
};

// A cell of an exact column.
std::int64_t exact(double value);

// File, build id, comments, type, time and duration, of one or two dumps as pprof's merge joins them.
std::vector<std::string> profileLabels(const model::Query& query, const Figures& figures,
                                       const std::string& metric, const std::string& sampleUnit,
                                       std::int64_t total);
// The lines above `top` and `tree`: those, the filters, what is shown and what was dropped.
std::string graphHeader(const model::Query& query, const analysis::TopResult& result, const Figures& figures);

}  // namespace heapprof::report
