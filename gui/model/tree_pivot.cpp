#include "gui/model/tree_pivot.h"

#include <QHash>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace heapprof::gui {

using analysis::CallTree;
using Node = CallTree::Node;

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

std::uint32_t nameIn(const CallTree& tree, const std::string& name) {
  const auto found = std::find(tree.names.begin() + (tree.names.empty() ? 0 : 1), tree.names.end(), name);
  return found == tree.names.end() ? 0 : static_cast<std::uint32_t>(found - tree.names.begin());
}

namespace {

// A tree that grows downwards by name, in the order of its making; children are found by (parent, name).
class Growing {
 public:
  explicit Growing(const CallTree& from) : from_(from) {
    nodes_.emplace_back();
    if (from.nodes.empty()) return;
    nodes_[0].name = from.nodes[0].name;
    nodes_[0].module = from.nodes[0].module;
  }

  std::uint32_t child(std::uint32_t parent, const Node& like) {
    const quint64 key = (quint64{parent} << 32) | like.name;
    const auto found = childOf_.constFind(key);
    if (found != childOf_.constEnd()) return *found;
    const auto row = static_cast<std::uint32_t>(nodes_.size());
    Node node;
    node.name = like.name;
    node.module = like.module;
    node.parent = parent;
    node.depth = nodes_[parent].depth + 1;
    nodes_.push_back(node);
    childOf_.insert(key, row);
    return row;
  }

  void add(std::uint32_t at, const Node& part, bool withSelf) {
    Node& sum = nodes_[at];
    sum.total += part.total;
    sum.baseTotal += part.baseTotal;
    if (!withSelf) return;
    sum.self += part.self;
    sum.baseSelf += part.baseSelf;
  }

  // Breadth first, each node's children together, heaviest first, as CallTree wants them.
  CallTree laidOut() const {
    CallTree out;
    out.names = from_.names;
    out.modules = from_.modules;
    out.unit = from_.unit;
    out.hasBaseline = from_.hasBaseline;
    std::vector<std::uint32_t> begin(nodes_.size() + 1, 0);
    for (std::size_t i = 1; i < nodes_.size(); ++i) ++begin[nodes_[i].parent + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::uint32_t> children(nodes_.size()), next(begin.begin(), begin.end() - 1);
    for (std::uint32_t i = 1; i < nodes_.size(); ++i) children[next[nodes_[i].parent]++] = i;
    const auto heavier = [&](std::uint32_t a, std::uint32_t b) {
      const double left = weightOf(from_, nodes_[a]);
      const double right = weightOf(from_, nodes_[b]);
      return left != right ? left > right : nodes_[a].name < nodes_[b].name;
    };
    std::vector<std::uint32_t> order{0};
    out.nodes.push_back(nodes_[0]);
    for (std::size_t at = 0; at < order.size(); ++at) {
      const auto first = children.begin() + begin[order[at]];
      const auto last = children.begin() + begin[order[at] + 1];
      std::sort(first, last, heavier);
      out.nodes[at].firstChild = static_cast<std::uint32_t>(order.size());
      out.nodes[at].childCount = static_cast<std::uint32_t>(last - first);
      for (auto child = first; child != last; ++child) {
        out.nodes.push_back(nodes_[*child]);
        out.nodes.back().parent = static_cast<std::uint32_t>(at);
        order.push_back(*child);
      }
    }
    return out;
  }

 private:
  const CallTree& from_;
  std::vector<Node> nodes_;
  QHash<quint64, std::uint32_t> childOf_;
};

}  // namespace

CallTree pivotOn(const CallTree& tree, std::uint32_t name) {
  std::vector<std::uint8_t> matched(tree.nodes.size(), 0);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) matched[i] = tree.nodes[i].name == name ? 1 : 0;
  Growing growing(tree);
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i) {
    if (matched[i] == 0 || hasMatchedAncestor(tree, i, matched)) continue;
    const Node& hit = tree.nodes[i];
    growing.add(0, hit, false);
    std::uint32_t at = growing.child(0, hit);
    growing.add(at, hit, true);
    for (std::uint32_t up = hit.parent; up != 0; up = tree.nodes[up].parent) {
      at = growing.child(at, tree.nodes[up]);
      growing.add(at, hit, false);
    }
  }
  return growing.laidOut();
}

CallTree calleesOf(const CallTree& tree, std::uint32_t name) {
  Growing growing(tree);
  std::vector<std::uint32_t> placeOf(tree.nodes.size(), 0);  // 0: not below the function
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {      // parents come before children
    const Node& node = tree.nodes[i];
    const std::uint32_t above = node.parent == 0 ? 0 : placeOf[node.parent];
    if (above == 0 && node.name != name) continue;
    if (above == 0) growing.add(0, node, false);
    placeOf[i] = growing.child(above, node);
    growing.add(placeOf[i], node, true);
  }
  return growing.laidOut();
}

}  // namespace heapprof::gui
