// A flame graph as one file that needs nothing beside it: an SVG, or a page around the same SVG. Click zooms,
// search marks, Esc resets; without scripts it is still a picture whose frames name themselves.
//
// Invariant: well-formed XML; every name is escaped. Positions are percentages, so the picture is as wide as
// its window; each frame clips its own text. data-v and data-b of a frame are exact figures, its width their
// share. Growth is orange and shrinking blue, and each change carries its sign besides.
#pragma once

#include <string>

#include "profiler/analysis/analyses.h"

namespace heapprof::report {

struct FlameView {
  std::string title;           // what was measured: file, metric
  bool rootBelow = false;      // flames; icicles otherwise
  double leastWidth = 0.0005;  // frames narrower than this share are not drawn
};

std::string flameSvg(const analysis::CallTree& tree, const FlameView& view);
std::string flameHtml(const analysis::CallTree& tree, const FlameView& view);

}  // namespace heapprof::report
