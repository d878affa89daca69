// The tree in arrays against sums keyed by whole paths.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "profiler/analysis/analyses.h"
#include "tests/profiler/support/snapshot_maker.h"
#include "tests/profiler/support/stack_oracle.h"

namespace heapprof::analysis {
namespace {

using Path = std::vector<std::string>;
struct Figures {
  double self[2] = {0, 0}, total[2] = {0, 0};
  bool operator==(const Figures& o) const {
    return self[0] == o.self[0] && self[1] == o.self[1] && total[0] == o.total[0] && total[1] == o.total[1];
  }
};
void PrintTo(const Figures& f, std::ostream* out) {
  *out << "self " << f.self[0] << ',' << f.self[1] << " total " << f.total[0] << ',' << f.total[1];
}

std::map<Path, Figures> expected(const model::Query& query, TreeDirection direction) {
  std::map<Path, Figures> paths;
  paths[{}];
  for (const test::OracleSample& sample : test::oracleSamples(query)) {
    Path all;
    for (const test::OracleFrame& frame : sample.frames) all.push_back(frame.name);
    if (direction == TreeDirection::kTopDown) std::reverse(all.begin(), all.end());
    Path path;
    paths[path].total[sample.side] += static_cast<double>(sample.value);
    for (const std::string& name : all) {
      path.push_back(name);
      paths[path].total[sample.side] += static_cast<double>(sample.value);
    }
    paths[path].self[sample.side] += static_cast<double>(sample.value);
  }
  return paths;
}

std::map<Path, Figures> pathsOf(const CallTree& tree) {
  std::map<Path, Figures> paths;
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    Path path;
    for (std::size_t at = i; at != 0; at = tree.nodes[at].parent)
      path.push_back(tree.names[tree.nodes[at].name]);
    std::reverse(path.begin(), path.end());
    EXPECT_EQ(path.size(), tree.nodes[i].depth);
    EXPECT_FALSE(paths.contains(path)) << "one path, two nodes";
    const CallTree::Node& node = tree.nodes[i];
    paths[path] = {{node.self, node.baseSelf}, {node.total, node.baseTotal}};
  }
  return paths;
}

void expectLaidOut(const CallTree& tree) {
  std::vector<bool> isChild(tree.nodes.size(), false);
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const CallTree::Node& node = tree.nodes[i];
    double below = 0, last = INFINITY;
    for (std::uint32_t child = node.firstChild; child < node.firstChild + node.childCount; ++child) {
      ASSERT_LT(child, tree.nodes.size());
      ASSERT_GT(child, i);
      EXPECT_FALSE(isChild[child]);
      isChild[child] = true;
      EXPECT_EQ(tree.nodes[child].parent, i);
      below += tree.nodes[child].total;
      const double weight =
          std::max(std::fabs(tree.nodes[child].total), std::fabs(tree.nodes[child].baseTotal));
      EXPECT_LE(weight, last) << "children stand largest first";
      last = weight;
    }
    EXPECT_EQ(node.self + below, node.total);
  }
  EXPECT_EQ(std::count(isChild.begin(), isChild.end(), false), 1) << "only the root has no parent";
}

TEST(CallTree, HoldsEveryPathOnceWithItsSums) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    for (const TreeDirection direction : {TreeDirection::kTopDown, TreeDirection::kBottomUp}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " direction " << static_cast<int>(direction));
      model::Query query;
      query.snapshot = test::wildSnapshot(seed);
      query.granularity = seed % 3 == 0 ? model::Granularity::kAddresses : model::Granularity::kFunctions;
      query.noInlines = seed % 5 == 0;
      if (seed % 4 == 0) query.filters.hide = "cache";
      if (seed % 2 == 0) {
        query.baseline = test::wildSnapshot(seed + 500);
        query.baselineMode = model::BaselineMode::kBase;
      }
      absl::StatusOr<CallTree> tree = callTree(query, direction);
      ASSERT_TRUE(tree.ok()) << tree.status();
      EXPECT_EQ(pathsOf(*tree), expected(query, direction));
      expectLaidOut(*tree);
      EXPECT_EQ(tree->hasBaseline, query.baseline != nullptr);
      EXPECT_EQ(tree->unit, "bytes");
    }
  }
}

TEST(CallTree, OfNoSamplesIsTheRoot) {
  model::Query query;
  query.snapshot = test::SnapshotMaker().make();
  absl::StatusOr<CallTree> tree = callTree(query);
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(tree->nodes.size(), 1u);
}

TEST(CallTree, StopsWhenCancelled) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  EXPECT_EQ(callTree(query, TreeDirection::kTopDown, [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace heapprof::analysis
