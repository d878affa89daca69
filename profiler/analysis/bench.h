// Runs of one command under several allocators, in rounds: medians, and for each figure whether it differs
// from the base's beyond noise.
//
// How it is decided. Runs of one round stand beside each other in time, so each is compared with the base's
// run of its own round. The ratios are sorted, and an interval between two of them holds the true median with
// a chance that only their number decides (the sign test: (1/2)^n sums of binomials, whatever the noise looks
// like). A difference is one where that interval, of differences, is on one side of zero. Invariant: pure; an
// allocator that failed once is in no median.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"

#include "profiler/model/table.h"

namespace heapprof::analysis {

// The order of benchFigures().
enum BenchFigureIndex : std::size_t {
  kWallTime,
  kCpuTime,
  kPeakRss,
  kEndRss,
  kHugePages,
  kMinorFaults,
  kMajorFaults,
  kBenchFigures
};

struct BenchFigure {
  const char* id;
  const char* title;
  const char* brief;  // heads a narrow column
  model::Unit unit;
  const char *less, *more;  // "faster", "slower"
  const char* help;
};
absl::Span<const BenchFigure> benchFigures();

struct BenchRun {
  std::size_t allocator = 0;
  std::size_t round = 0;                                      // from 1
  std::size_t place = 0;                                      // in its round, from 1
  std::array<absl::optional<double>, kBenchFigures> figures;  // in the figure's unit; nullopt: unknown
};

struct BenchRuns {
  std::vector<std::string> allocators;
  std::vector<std::string> libraries;  // their files, "" for libc's own; may be empty: not told
  std::vector<bool> failed;            // an allocator; may be empty: none
  std::size_t base = 0;
  std::vector<BenchRun> runs;
};

// Places (from 0) of the two sorted values between which the median of n independent ones lies with at least
// 90%, and that chance; less where n is below 5.
struct MedianInterval {
  std::size_t low = 0, high = 0;
  double chance = 0;
};
MedianInterval medianInterval(std::size_t n);

struct BenchResult {
  model::Table medians;   // a row an allocator, a column a figure
  model::Table verdicts;  // a row for each figure of each allocator but the base
  model::Table runs;      // what was measured
  std::size_t rounds = 0;
  double chance = 0;  // that an interval holds the true median
};
BenchResult bench(const BenchRuns& runs);

}  // namespace heapprof::analysis
