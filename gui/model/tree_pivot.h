// A call tree turned around one function: who calls it, and what it calls, merged over all its places.
//
// Invariant: the root's only child is the function, whose figures are those of the function in the whole
// tree. Of recursive frames the outermost counts, so nothing is counted twice. Plain data; pure functions;
// any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

// Its callers are its descendants; their totals are what they reach through it.
analysis::CallTree pivotOn(const analysis::CallTree& tree, std::uint32_t name);

// Its callees are its descendants.
analysis::CallTree calleesOf(const analysis::CallTree& tree, std::uint32_t name);

// Index of a name in the tree's names; 0, the root's, where no frame has it.
std::uint32_t nameIn(const analysis::CallTree& tree, const std::string& name);

// How much a node weighs where things are ordered or drawn: |total|, and with a baseline |total| + |base|.
double weightOf(const analysis::CallTree& tree, const analysis::CallTree::Node& node);

// Whether one of the nodes above it is in the set (one byte a node).
bool hasMatchedAncestor(const analysis::CallTree& tree, std::uint32_t node,
                        const std::vector<std::uint8_t>& matched);

}  // namespace heapprof::gui
