// A call tree as boxes side by side: the geometry of a flame graph, whatever draws it.
//
// Invariant: a box is as wide, as a share of the whole, as what its stacks hold: children lie within their
// parent, in order, and what is left of it is its own. With a baseline a stack counts with the larger of its
// two sides, so what is gone keeps its place. Boxes narrower than the threshold are left out together with
// all above them; their parent keeps the room. Root first, parents before children.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct FlameLayout {
  struct Box {
    std::uint32_t node = 0;  // of the tree
    double left = 0, width = 0;
  };
  std::vector<Box> boxes;
  std::uint32_t depth = 0;  // of the deepest box
  double whole = 0;         // what the root's width stands for
  std::size_t droppedFrames = 0;
  double droppedShare = 0;  // the widest part of the whole that is not drawn: of the topmost dropped ones
};

FlameLayout flameLayout(const CallTree& tree, double leastWidth);

}  // namespace heapprof::analysis
