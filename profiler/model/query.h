// What a person asks of one or two snapshots: metric, baseline, filters, granularity. One struct for every
// stack verb of the command line and for the global bar of the explorer; pprof's names and meanings.
//
// Invariant: plain data; equal queries on equal snapshots give equal results. Regular expressions are checked
// by analysis::compile(), which says which one is wrong.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "profiler/model/snapshot.h"

namespace heapprof::model {

enum class Granularity { kFunctions, kFileFunctions, kFiles, kLines, kAddresses };
enum class BaselineMode {
  kNone,
  kBase,      // pprof -base: the base is subtracted; percentages of the remaining total
  kDiffBase,  // pprof -diff_base: percentages of the base's total
};

struct Filters {
  std::string focus;     // keep stacks with a frame that matches
  std::string ignore;    // drop stacks with a frame that matches
  std::string hide;      // drop matching frames
  std::string show;      // keep only matching frames
  std::string showFrom;  // drop frames above the first match
  std::vector<std::string> tagFocus;
  std::vector<std::string> tagIgnore;

  friend bool operator==(const Filters&, const Filters&) = default;
};

struct Query {
  SnapshotPtr snapshot;
  SnapshotPtr baseline;  // null without one
  BaselineMode baselineMode = BaselineMode::kNone;
  std::string metric;  // sample type's name; "": the dump's default
  Filters filters;
  Granularity granularity = Granularity::kFunctions;
  bool noInlines = false;
  bool cumulative = false;       // sort by cum
  std::size_t nodeCount = 0;     // 0: all (pprof's CLI prints all rows of `top`)
  double nodeFraction = 0.005;   // pprof's default
  double edgeFraction = 0.001;   // pprof's default; calls lighter than this do not count for "(inline)"
  bool normalize = false;        // scale the snapshot to the baseline's total
  std::string unit = "minimum";  // pprof's -unit
  double divideBy = 1;
};

}  // namespace heapprof::model
