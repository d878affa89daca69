// The same figures in the languages of other tools: flamegraph.pl's lines, KCachegrind's file, Graphviz's
// graph. Invariant: pure; names are escaped so that none can be taken for the format's own words.
#pragma once

#include <string>

#include "profiler/analysis/exports.h"

namespace heapprof::report {

// "main;work;make 4096", a line a stack, root first.
std::string collapsedText(const model::Table& stacks);

// callgrind's format, positions by line. It has no negative costs: what is below 0 is left out. `command`
// stands in its head, for the reader.
std::string callgrindText(const analysis::CallCosts& costs, const std::string& command);

// A box a function, an arrow a call; box and letters grow with what a function itself holds.
std::string dotText(const model::Query& query, const analysis::CallGraph& graph);

}  // namespace heapprof::report
