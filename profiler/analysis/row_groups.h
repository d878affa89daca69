// Which stack each sample row of one dump belongs to, at the query's granularity: what questions about single
// objects (fragmentation, ages) and about many dumps name stacks by.
//
// Invariant: groups are numbered densely; two rows are of one group where all their frames print alike, so
// the text of `stack` names the same stack in every dump. A row that the filters drop has kNoGroup.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

inline constexpr std::uint32_t kNoGroup = 0xffffffffu;

struct RowGroups {
  std::vector<std::uint32_t> groupOf;  // by sample row of the profile
  std::vector<std::string> owner;      // by group: the first frame that is not plumbing
  std::vector<std::string> stack;      // all frames, one a line, leaf first
  std::vector<std::string> place;      // "file:line" of the owner; "" where unknown
  std::vector<std::string> modules;    // its frames' files and modules, one a line: for suppressions

  std::size_t size() const { return owner.size(); }
};

// Of the query's snapshot alone; a baseline is not looked at. Rows count whether or not their value is 0 now.
absl::StatusOr<RowGroups> groupRows(const model::Query& query, const Cancel& cancel = {});

}  // namespace heapprof::analysis
