#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/node_table.h"

namespace heapprof::analysis {
namespace {

// The tree while it grows: nodes in order of their making, children found by (parent, node).
struct Grown {
  struct Node {
    std::uint32_t key = 0;  // NodeTable's number
    std::uint32_t parent = 0;
    std::uint32_t module = 0;
    std::uint32_t depth = 0;
    double self[2] = {0, 0};
    double total[2] = {0, 0};
  };
  std::vector<Node> nodes{Node{}};
  absl::flat_hash_map<std::uint64_t, std::uint32_t> childOf;

  std::uint32_t child(std::uint32_t parent, std::uint32_t key, std::uint32_t module) {
    auto [at, added] =
        childOf.try_emplace((std::uint64_t{parent} << 32) | key, static_cast<std::uint32_t>(nodes.size()));
    if (added) {
      Node node;
      node.key = key;
      node.parent = parent;
      node.module = module;
      node.depth = nodes[parent].depth + 1;
      nodes.push_back(node);
    }
    return at->second;
  }
};

struct PathStep {
  std::uint32_t key, module, node;
};

// Neighbouring samples share most of their path (a dump's samples come stack by stack), so the walk starts
// where the last one left.
absl::Status grow(const StackView& view, const NodeTable& table, TreeDirection direction, Grown* tree) {
  std::vector<PathStep> last, path;
  return view.forEach([&](const StackSample& sample) {
    path.clear();
    for (std::uint32_t location : sample.stack) {
      std::uint32_t module = view.locations().locations()[location].mapping;
      for (std::uint32_t node : table.nodesOf(location))
        path.push_back({node, module == kNone ? 0 : module + 1, 0});
    }
    if (direction == TreeDirection::kTopDown) std::reverse(path.begin(), path.end());
    const double value = static_cast<double>(sample.value);
    tree->nodes[0].total[sample.side] += value;
    std::uint32_t at = 0;
    bool shared = true;
    for (std::size_t i = 0; i < path.size(); ++i) {
      shared = shared && i < last.size() && last[i].key == path[i].key;
      at = path[i].node = shared ? last[i].node : tree->child(at, path[i].key, path[i].module);
      tree->nodes[at].total[sample.side] += value;
    }
    tree->nodes[at].self[sample.side] += value;
    std::swap(last, path);
  });
}

// Breadth first, each node's children together, largest first; equal ones by name.
void layOut(const Grown& grown, const std::vector<std::uint32_t>& nameOf, CallTree* tree) {
  const std::size_t count = grown.nodes.size();
  std::vector<std::uint32_t> childBegin(count + 1, 0);
  for (std::size_t i = 1; i < count; ++i) ++childBegin[grown.nodes[i].parent + 1];
  std::partial_sum(childBegin.begin(), childBegin.end(), childBegin.begin());
  std::vector<std::uint32_t> children(count), next(childBegin.begin(), childBegin.end() - 1);
  for (std::uint32_t i = 1; i < count; ++i) children[next[grown.nodes[i].parent]++] = i;

  auto weight = [&](std::uint32_t i) {
    const Grown::Node& node = grown.nodes[i];
    return std::max(std::fabs(node.total[0]), std::fabs(node.total[1]));
  };
  auto heavier = [&](std::uint32_t a, std::uint32_t b) {
    double left = weight(a), right = weight(b);
    if (left != right) return left > right;
    return tree->names[nameOf[grown.nodes[a].key]] < tree->names[nameOf[grown.nodes[b].key]];
  };
  std::vector<std::uint32_t> order{0};
  tree->nodes.resize(count);
  for (std::uint32_t out = 0; out < order.size(); ++out) {
    const std::uint32_t in = order[out];
    const Grown::Node& node = grown.nodes[in];
    auto begin = children.begin() + childBegin[in], end = children.begin() + childBegin[in + 1];
    std::sort(begin, end, heavier);
    CallTree::Node& laid = tree->nodes[out];
    laid.name = in == 0 ? 0 : nameOf[node.key];
    laid.module = node.module;
    laid.depth = node.depth;
    laid.self = node.self[0];
    laid.total = node.total[0];
    laid.baseSelf = node.self[1];
    laid.baseTotal = node.total[1];
    laid.firstChild = static_cast<std::uint32_t>(order.size());
    laid.childCount = static_cast<std::uint32_t>(end - begin);
    for (auto child = begin; child != end; ++child) {
      tree->nodes[order.size()].parent = out;
      order.push_back(*child);
    }
  }
}

}  // namespace

absl::StatusOr<CallTree> callTree(const model::Query& query, TreeDirection direction, const Cancel& cancel) {
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSideBySide, cancel);
  if (!view.ok()) return view.status();
  const NodeTable table(**view, query.granularity, query.noInlines);
  Grown grown;
  absl::Status walked = grow(**view, table, direction, &grown);
  if (!walked.ok()) return walked;

  CallTree tree;
  tree.unit = (*view)->unit();
  tree.hasBaseline = (*view)->hasBaseline();
  tree.names.emplace_back("root");
  tree.modules.emplace_back();
  for (const LocationUnion::Mapping& mapping : (*view)->locations().mappings()) {
    absl::string_view file = (*view)->locations().strings()[mapping.file];
    tree.modules.push_back(file.empty() ? "" : baseName(file));
  }
  std::vector<std::uint32_t> nameOf(table.size(), 0);
  for (std::size_t i = 1; i < grown.nodes.size(); ++i) {
    std::uint32_t& name = nameOf[grown.nodes[i].key];
    if (name != 0) continue;
    name = static_cast<std::uint32_t>(tree.names.size());
    tree.names.push_back(table.printableName(grown.nodes[i].key));
  }
  layOut(grown, nameOf, &tree);
  return tree;
}

}  // namespace heapprof::analysis
