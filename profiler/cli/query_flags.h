// The flags that every stack verb takes, with pprof's names and meaning, and the Query they make.
// Invariant: values are as given until toQuery() checks them; errors name the flag.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/cli/output.h"
#include "profiler/model/query.h"
#include "profiler/model/table.h"

namespace heapprof::cli {

struct QueryFlags {
  std::string sampleIndex;
  bool metricFlag[6] = {};  // -inuse_space and its like, in the order of kMetricFlags
  std::string focus, ignore, hide, show, showFrom;
  std::vector<std::string> tagFocus, tagIgnore;
  std::string thread;
  bool functions = false, fileFunctions = false, files = false, lines = false, addresses = false;
  bool noInlines = false;
  bool cum = false, flat = false;
  long nodeCount = -1;  // not given: defaultNodeCount
  std::size_t defaultNodeCount = 0;
  double nodeFraction = 0.005, edgeFraction = 0.001;
  bool trim = true;
  std::string unit = "minimum";
  double divideBy = 1;
  std::vector<std::string> base, diffBase;  // several are merged
  bool normalize = false;
  SymbolFlags symbols;
  Format format;

  void addFilters(FlagSet& app);       // metric, filters, granularity, symbols
  void addStackFilters(FlagSet& app);  // the same without the metric, for verbs that have theirs
  void addSorting(FlagSet& app);       // order, cut-offs, units
  void addBaseline(FlagSet& app);      // -base, -diff_base, -normalize
  void addFormat(FlagSet& app);

  // Loads `paths`, merged where there are several, and the baseline, if one is named.
  absl::StatusOr<model::Query> toQuery(const std::vector<std::string>& paths) const;
  absl::StatusOr<model::Query> toQuery(const std::string& path) const {
    return toQuery(std::vector<std::string>{path});
  }
  // Whether the figures are not simply those of the files.
  bool filtersAnything() const;
  // Of tables with figures of their own, where --nodecount 0 means all.
  std::size_t rowLimit() const;
};

// -divide_by is a matter of printing in pprof; a program that reads the figures wants them divided, too.
model::Table divided(model::Table table, const model::Query& query);

}  // namespace heapprof::cli
