// Where the frames of a call tree lie: arrays of left edge and width as fractions of the root, made once a
// tree; what is on screen at a zoom is found by binary search, so that a paint costs what it draws and not
// what the tree holds.
//
// Invariant: a node's interval holds its children's, in order and without overlap. Width is |total| alone,
// and with a baseline |total| + |base|, which adds up over children and keeps both what is new and what is
// gone visible. Plain data; pure functions; any thread.
#pragma once

#include <QRegularExpression>
#include <cstdint>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

struct FlameLayout {
  std::vector<double> left;  // of the root's width
  std::vector<double> width;
  std::uint32_t depth = 0;  // levels of the tree
};

FlameLayout layoutFlame(const analysis::CallTree& tree);

struct FrameRect {
  std::uint32_t node = 0;
  std::uint32_t level = 0;  // 0: the root's row
  float x = 0;              // pixels
  float width = 0;
  bool isRest = false;  // a run of frames too narrow to draw, together
};

// Frames that cover at least minPixels when zoomNode fills `pixels`; its ancestors come first, full width.
std::vector<FrameRect> visibleFrames(const analysis::CallTree& tree, const FlameLayout& layout,
                                     std::uint32_t zoomNode, double pixels, double minPixels = 0.5);

// One byte a node: 1 where the name matches. `matchedTotal` counts nested matches once.
struct FlameMatches {
  std::vector<std::uint8_t> matched;
  std::size_t count = 0;
  double matchedTotal = 0;
};
FlameMatches matchFrames(const analysis::CallTree& tree, const QRegularExpression& expression);

// The node with the same path of names in another tree, or the deepest node of that path that it has.
std::uint32_t sameNode(const analysis::CallTree& from, std::uint32_t node, const analysis::CallTree& to);

}  // namespace heapprof::gui
