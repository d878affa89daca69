// What a frame counts towards at a granularity: pprof's node, an equality class of (function, file, line,
// address).
//
// Invariant: nodes are numbered densely; nodesOf(location) has one node a frame, innermost first, and one for
// a frame without symbols. Two different nodes may print alike (functions of one file at file granularity),
// as in pprof.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

#include "profiler/analysis/stack_view.h"
#include "profiler/model/query.h"

namespace heapprof::analysis {

struct NodeInfo {
  std::uint32_t name = 0, file = 0, object = 0;  // ids of the view's strings
  std::uint64_t address = 0;
  std::int64_t startLine = 0, line = 0;
  bool operator==(const NodeInfo& o) const {
    return name == o.name && file == o.file && object == o.object && address == o.address &&
           startLine == o.startLine && line == o.line;
  }
  template <typename H>
  friend H AbslHashValue(H h, const NodeInfo& n) {
    return H::combine(std::move(h), n.name, n.file, n.object, n.address, n.startLine, n.line);
  }
};

class NodeTable {
 public:
  NodeTable(StackView& view, model::Granularity granularity, bool noInlines);

  std::size_t size() const { return infos_.size(); }
  absl::Span<const std::uint32_t> nodesOf(std::uint32_t location) const {
    return absl::MakeConstSpan(nodes_).subspan(begin_[location], begin_[location + 1] - begin_[location]);
  }
  const NodeInfo& info(std::uint32_t node) const { return infos_[node]; }
  std::string printableName(std::uint32_t node) const;
  // Orders nodes whose figures and names are equal, as pprof does: by the text of all their fields.
  std::string sortKey(std::uint32_t node) const;
  bool hasInlines() const { return hasInlines_; }

 private:
  const StringPool& strings_;
  std::vector<NodeInfo> infos_;
  std::vector<std::uint32_t> nodes_, begin_;
  bool hasInlines_ = false;
};

// The last element of a path; "." of an empty one.
std::string baseName(absl::string_view path);

}  // namespace heapprof::analysis
