#include "profiler/analysis/flame_layout.h"

#include <algorithm>
#include <cmath>

namespace heapprof::analysis {

FlameLayout flameLayout(const CallTree& tree, double leastWidth) {
  FlameLayout layout;
  const std::size_t count = tree.nodes.size();
  // Children come after their parent, so from the end each node is complete when it is added to its parent.
  std::vector<double> weight(count, 0);
  for (std::size_t i = count; i-- > 0;) {
    const CallTree::Node& node = tree.nodes[i];
    weight[i] += std::max(std::fabs(node.self), std::fabs(node.baseSelf));
    if (i > 0) weight[node.parent] += weight[i];
  }
  if (count == 0) return layout;
  layout.whole = weight[0];
  layout.boxes.push_back({0, 0, 1});
  for (std::size_t at = 0; at < layout.boxes.size(); ++at) {
    const FlameLayout::Box box = layout.boxes[at];
    const CallTree::Node& node = tree.nodes[box.node];
    layout.depth = std::max(layout.depth, node.depth);
    double left = box.left;
    for (std::uint32_t child = node.firstChild; child < node.firstChild + node.childCount; ++child) {
      const double width = layout.whole == 0 ? 0 : weight[child] / layout.whole;
      if (width > 0 && width >= leastWidth) {
        layout.boxes.push_back({child, left, width});
      } else {
        layout.droppedShare += width;
      }
      left += width;
    }
  }
  layout.droppedFrames = count - layout.boxes.size();
  return layout;
}

}  // namespace heapprof::analysis
