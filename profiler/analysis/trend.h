// Many dumps as a trend: what each stack and each total does over time, as a slope with its error.
//
// Invariant: add() keeps sums only, so memory goes with the number of different stacks, not of dumps; dumps
// may come in any order and are let go. The slope is that of least squares; its error is the larger of what
// sampling explains and what the points' scatter shows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

// Sums of one series' values over the dumps that have it; a dump without it counts as 0.
struct TrendSums {
  double y = 0, ty = 0, yy = 0;
  double v = 0, tv = 0, ttv = 0;  // of variances
  double firstTime = 0, lastTime = 0, first = 0, last = 0, most = 0;
  std::size_t seen = 0;

  void add(double time, double value, double variance);
};

struct TrendLine {
  double slope = 0, error = 0;  // a second
};

class Trend {
 public:
  absl::Status add(const model::Query& query, const Cancel& cancel = {});
  std::size_t dumps() const { return times_; }

  struct Result {
    model::Table totals;  // name, first, last, rate, most, dumps
    model::Table stacks;  // state, rate, first, last, most, seen, owner, stack: fastest first
    double seconds = 0;
    std::string metric;
  };
  absl::StatusOr<Result> result() const;

 private:
  TrendLine lineOf(const TrendSums& sums) const;
  void addTotals(const model::Snapshot& snapshot, double time);

  struct Stack {
    std::string owner, stack;
    TrendSums sums;
  };
  std::vector<Stack> stacks_;
  absl::flat_hash_map<std::string, std::size_t> rowOf_;
  std::vector<std::pair<std::string, TrendSums>> totals_;
  std::string metric_, unit_;
  std::uint64_t origin_ = 0;
  std::size_t times_ = 0;
  double t_ = 0, tt_ = 0, earliest_ = 0, latest_ = 0;
};

}  // namespace heapprof::analysis
