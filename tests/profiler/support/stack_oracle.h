// The slow, obvious answer to every stack question: each sample as lists of names, sums in maps keyed by
// text. It shares no code with profiler/analysis but the Query struct, and knows pprof's rules from their
// description only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "profiler/model/query.h"

namespace heapprof::test {

struct OracleFrame {
  std::string key;         // equal for the same node, and only then
  std::string name;        // as printed
  bool isInlined = false;  // into the frame that follows
};

struct OracleSample {
  std::size_t side = 0;
  std::int64_t value = 0;
  double variance = 0;              // NaN: unknown
  std::vector<OracleFrame> frames;  // leaf first, after filters
};

struct OracleNode {
  std::string name;
  std::int64_t flat = 0, cum = 0;
  double flatVariance = 0, cumVariance = 0;
};

// Samples of the snapshot and, with a baseline, of the base; values as they are in their dump.
std::vector<OracleSample> oracleSamples(const model::Query& query);
std::map<std::string, OracleNode> oracleNodes(const std::vector<OracleSample>& samples);
// pprof's total without filters: of absolute values of joined samples; of the base's with -diff_base.
std::int64_t oracleTotal(const model::Query& query);

}  // namespace heapprof::test
