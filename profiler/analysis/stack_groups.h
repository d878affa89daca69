// Samples of both sides grouped by stack at a granularity, with the sums and variances of a metric and the
// objects that go with it: what diff, findings and the inspector name stacks by.
//
// Invariant: groups are in order of first appearance; frames are NodeTable numbers, leaf first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/node_table.h"
#include "profiler/analysis/stack_view.h"

namespace heapprof::analysis {

struct StackGroup {
  std::vector<std::uint32_t> frames;
  double value[2] = {0, 0};     // by side
  double variance[2] = {0, 0};  // NaN: unknown
  double objects[2] = {0, 0};
  bool seen[2] = {false, false};
};

// The count that goes with a metric ("inuse_objects" for "inuse_space"); nullopt: the dump has none.
absl::optional<std::size_t> objectsType(const model::Snapshot& snapshot, absl::string_view metric);

absl::StatusOr<std::vector<StackGroup>> groupStacks(const StackView& view, const NodeTable& nodes);

// Names of nodes with whether each is plumbing, made once a node.
class FrameNames {
 public:
  FrameNames(const StackView& view, const NodeTable& nodes);
  const std::string& operator[](std::uint32_t node) const { return names_[node]; }
  // The first frame from the leaf that is not plumbing; the outermost where all are.
  const std::string& owner(const std::vector<std::uint32_t>& frames) const;
  std::size_t ownerIndex(const std::vector<std::uint32_t>& frames) const;
  // All frames, one a line, leaf first.
  std::string joined(const std::vector<std::uint32_t>& frames) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::uint8_t> plumbing_;
};

// What each owner holds in the query's metric, largest first; without the baseline.
struct OwnerShare {
  std::string name;
  double bytes = 0;  // in `unit`
  std::size_t stacks = 0;
  model::Unit unit = model::Unit::kBytes;
};
absl::StatusOr<std::vector<OwnerShare>> topOwners(const model::Query& query);

}  // namespace heapprof::analysis
