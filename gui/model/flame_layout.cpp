#include "gui/model/flame_layout.h"

#include <QHash>
#include <algorithm>
#include <cmath>

namespace heapprof::gui {

using analysis::CallTree;
using Node = CallTree::Node;

namespace {

double weightOf(const CallTree& tree, const Node& node) {
  return tree.hasBaseline ? std::fabs(node.total) + std::fabs(node.baseTotal) : std::fabs(node.total);
}

bool hasMatchedAncestor(const CallTree& tree, std::uint32_t node, const std::vector<std::uint8_t>& matched) {
  while (node != 0) {
    node = tree.nodes[node].parent;
    if (matched[node] != 0) return true;
  }
  return false;
}

}  // namespace

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

namespace {

// A tree that grows downwards by name; flattened breadth first at the end, because CallTree wants contiguous
// children.
struct Trie {
  struct Item {
    Node node;
    QHash<std::uint32_t, std::uint32_t> children;
  };
  std::vector<Item> items{Item{}};

  std::uint32_t child(std::uint32_t parent, const Node& like) {
    const auto found = items[parent].children.constFind(like.name);
    if (found != items[parent].children.constEnd()) return *found;
    const auto row = static_cast<std::uint32_t>(items.size());
    Item item;
    item.node.name = like.name;
    item.node.module = like.module;
    items.push_back(std::move(item));
    items[parent].children.insert(like.name, row);
    return row;
  }
};

void addTo(Node& sum, const Node& part, bool isSelf) {
  sum.total += part.total;
  sum.baseTotal += part.baseTotal;
  if (!isSelf) return;
  sum.self += part.self;
  sum.baseSelf += part.baseSelf;
}

void flatten(Trie& trie, CallTree& out) {
  std::vector<std::uint32_t> source{0};
  out.nodes.push_back(trie.items[0].node);
  for (std::size_t at = 0; at < out.nodes.size(); ++at) {
    std::vector<std::uint32_t> children = {};
    for (const std::uint32_t row : std::as_const(trie.items[source[at]].children)) children.push_back(row);
    std::sort(children.begin(), children.end(), [&](std::uint32_t a, std::uint32_t b) {
      const double left = weightOf(out, trie.items[a].node);
      const double right = weightOf(out, trie.items[b].node);
      return left != right ? left > right : trie.items[a].node.name < trie.items[b].node.name;
    });
    out.nodes[at].firstChild = static_cast<std::uint32_t>(out.nodes.size());
    out.nodes[at].childCount = static_cast<std::uint32_t>(children.size());
    for (const std::uint32_t row : children) {
      Node node = trie.items[row].node;
      node.parent = static_cast<std::uint32_t>(at);
      node.depth = out.nodes[at].depth + 1;
      out.nodes.push_back(node);
      source.push_back(row);
    }
  }
}

}  // namespace

CallTree pivotOn(const CallTree& tree, std::uint32_t name) {
  CallTree out;
  out.names = tree.names;
  out.modules = tree.modules;
  out.unit = tree.unit;
  out.hasBaseline = tree.hasBaseline;
  std::vector<std::uint8_t> matched(tree.nodes.size(), 0);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) matched[i] = tree.nodes[i].name == name ? 1 : 0;
  Trie trie;
  trie.items[0].node.name = tree.nodes.empty() ? 0 : tree.nodes[0].name;
  trie.items[0].node.module = tree.nodes.empty() ? 0 : tree.nodes[0].module;
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i) {
    if (matched[i] == 0 || hasMatchedAncestor(tree, i, matched)) continue;
    const Node& hit = tree.nodes[i];
    addTo(trie.items[0].node, hit, false);
    std::uint32_t at = trie.child(0, hit);
    addTo(trie.items[at].node, hit, true);
    for (std::uint32_t up = hit.parent; up != 0; up = tree.nodes[up].parent) {
      at = trie.child(at, tree.nodes[up]);
      addTo(trie.items[at].node, hit, false);
    }
  }
  flatten(trie, out);
  return out;
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
