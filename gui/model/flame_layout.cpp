#include "gui/model/flame_layout.h"

#include <algorithm>

#include "gui/model/tree_pivot.h"

namespace heapprof::gui {

using analysis::CallTree;
using Node = CallTree::Node;

FlameLayout layoutFlame(const CallTree& tree) {
  FlameLayout layout;
  const std::size_t count = tree.nodes.size();
  layout.left.assign(count, 0);
  layout.width.assign(count, 0);
  if (count == 0) return layout;
  const double whole = weightOf(tree, tree.nodes[0]);
  layout.width[0] = 1;
  layout.depth = 1;
  for (std::size_t i = 0; i < count; ++i) {  // breadth first: parents come before children
    const Node& node = tree.nodes[i];
    double x = layout.left[i];
    const double end = x + layout.width[i];
    for (std::uint32_t c = 0; c < node.childCount; ++c) {
      const std::size_t child = node.firstChild + c;
      const double width = whole > 0 ? weightOf(tree, tree.nodes[child]) / whole : 0;
      layout.left[child] = std::min(x, end);
      layout.width[child] = std::min(width, std::max(0.0, end - x));  // rounding may not leave the parent
      x += width;
    }
    layout.depth = std::max(layout.depth, node.depth + 1);
  }
  return layout;
}

std::vector<FrameRect> visibleFrames(const CallTree& tree, const FlameLayout& layout, std::uint32_t zoomNode,
                                     double pixels, double minPixels) {
  std::vector<FrameRect> frames;
  if (tree.nodes.empty()) return frames;
  for (std::uint32_t node = zoomNode; node != 0;) {
    node = tree.nodes[node].parent;
    frames.push_back({node, tree.nodes[node].depth, 0, static_cast<float>(pixels), false});
  }
  std::reverse(frames.begin(), frames.end());
  const double origin = layout.left[zoomNode];
  const double scale = layout.width[zoomNode] > 0 ? pixels / layout.width[zoomNode] : 0;
  std::vector<std::uint32_t> open{zoomNode};
  frames.push_back({zoomNode, tree.nodes[zoomNode].depth, 0, static_cast<float>(pixels), false});
  while (!open.empty()) {
    const Node& node = tree.nodes[open.back()];
    open.pop_back();
    double restFrom = -1;
    double restTo = -1;
    std::uint32_t restNode = 0;
    for (std::uint32_t child = node.firstChild; child < node.firstChild + node.childCount; ++child) {
      const double x = (layout.left[child] - origin) * scale;
      const double width = layout.width[child] * scale;
      if (width >= minPixels) {
        frames.push_back({child, node.depth + 1, static_cast<float>(x), static_cast<float>(width), false});
        open.push_back(child);
        continue;
      }
      if (restFrom < 0) {
        restFrom = x;
        restNode = child;
      }
      restTo = x + width;
      if (!tree.hasBaseline) {  // sorted by width: all that follow are narrower still
        const std::uint32_t last = node.firstChild + node.childCount - 1;
        restTo = (layout.left[last] + layout.width[last] - origin) * scale;
        break;
      }
    }
    if (restTo - restFrom >= minPixels) {
      frames.push_back({restNode, node.depth + 1, static_cast<float>(restFrom),
                        static_cast<float>(restTo - restFrom), true});
    }
  }
  return frames;
}

FlameMatches matchFrames(const CallTree& tree, const QRegularExpression& expression) {
  std::vector<std::uint8_t> nameMatches(tree.names.size(), 0);
  for (std::size_t i = 0; i < tree.names.size(); ++i) {
    nameMatches[i] = expression.match(QString::fromStdString(tree.names[i])).hasMatch() ? 1 : 0;
  }
  FlameMatches matches;
  matches.matched.assign(tree.nodes.size(), 0);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    if (nameMatches[tree.nodes[i].name] == 0) continue;
    matches.matched[i] = 1;
    ++matches.count;
  }
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i) {
    if (matches.matched[i] != 0 && !hasMatchedAncestor(tree, i, matches.matched)) {
      matches.matchedTotal += tree.nodes[i].total;
    }
  }
  return matches;
}

std::uint32_t sameNode(const CallTree& from, std::uint32_t node, const CallTree& to) {
  std::vector<const std::string*> path;
  for (; node != 0 && node < from.nodes.size(); node = from.nodes[node].parent) {
    path.push_back(&from.names[from.nodes[node].name]);
  }
  std::uint32_t at = 0;
  if (to.nodes.empty()) return at;
  for (auto name = path.rbegin(); name != path.rend(); ++name) {
    const Node& parent = to.nodes[at];
    std::uint32_t child = parent.firstChild;
    const std::uint32_t end = parent.firstChild + parent.childCount;
    while (child < end && to.names[to.nodes[child].name] != **name) ++child;
    if (child == end) break;
    at = child;
  }
  return at;
}

}  // namespace heapprof::gui
