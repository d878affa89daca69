// Gates on growth between two dumps: "inuse_space:+5%,+1MiB" trips where the figure grew by more than 5% of
// the base and by more than 1 MiB, and the growth is not explained by sampling.
//
// The answer is one of three: ok; tripped; inconclusive, where growth above the limit lies within --sigma
// standard errors of none, or where the error is so large that the limit could not be seen.
//
// Invariant: both floors are always given: a share alone trips on small programs, bytes alone on large ones.
#pragma once

#include <string>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct Gate {
  std::string text;    // as given
  std::string metric;  // a sample type, or a line of the waterfall, or "rss", "live"
  double share = 0;    // of the base
  double floor = 0;    // bytes or objects
};

absl::StatusOr<Gate> parseGate(absl::string_view text);

enum class GateState { kOk, kTripped, kInconclusive };

struct GateResult {
  Gate gate;
  GateState state = GateState::kOk;
  double base = 0, now = 0, change = 0, error = 0, limit = 0;  // error: 0 where the figure is counted
  model::Unit unit = model::Unit::kBytes;
  std::string reason;   // one sentence with its figures
  model::Table stacks;  // what grew, of a metric by stack; else empty
};

// `query` has both dumps; its metric is not looked at.
absl::StatusOr<GateResult> checkGate(const Gate& gate, const model::Query& query, double sigma);

}  // namespace heapprof::analysis
