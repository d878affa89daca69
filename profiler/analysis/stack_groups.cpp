#include "profiler/analysis/stack_groups.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/owner.h"

namespace heapprof::analysis {

absl::optional<std::size_t> objectsType(const model::Snapshot& snapshot, absl::string_view metric) {
  if (snapshot.columns().sampleTypes.empty()) return absl::nullopt;
  if (absl::StartsWith(metric, "inuse")) return snapshot.sampleType("inuse_objects");
  if (absl::StartsWith(metric, "alloc")) return snapshot.sampleType("alloc_objects");
  return absl::nullopt;
}

absl::StatusOr<std::vector<StackGroup>> groupStacks(const StackView& view, const NodeTable& nodes) {
  std::vector<StackGroup> groups;
  absl::flat_hash_map<std::uint64_t, std::vector<std::size_t>> byHash;
  absl::optional<std::size_t> objects[2];
  for (std::size_t side = 0; side < (view.hasBaseline() ? 2u : 1u); ++side) {
    objects[side] = objectsType(view.snapshot(side), view.metric());
  }
  std::vector<std::uint32_t> frames;
  absl::Status walked = view.forEach([&](const StackSample& sample) {
    frames.clear();
    for (std::uint32_t location : sample.stack) {
      absl::Span<const std::uint32_t> own = nodes.nodesOf(location);
      frames.insert(frames.end(), own.begin(), own.end());
    }
    std::vector<std::size_t>& bucket = byHash[absl::HashOf(frames)];
    StackGroup* group = nullptr;
    for (std::size_t candidate : bucket) {
      if (groups[candidate].frames == frames) group = &groups[candidate];
    }
    if (group == nullptr) {
      bucket.push_back(groups.size());
      group = &groups.emplace_back();
      group->frames = frames;
    }
    group->seen[sample.side] = true;
    group->value[sample.side] += static_cast<double>(sample.value);
    group->variance[sample.side] += sample.variance;
    if (objects[sample.side]) {
      const formats::ProfileColumns& columns = view.snapshot(sample.side).columns();
      group->objects[sample.side] +=
          view.scaleOf(sample.side) *
          static_cast<double>(
              columns.samples.values[sample.row * columns.sampleTypes.size() + *objects[sample.side]]);
    }
  });
  if (!walked.ok()) return walked;
  return groups;
}

FrameNames::FrameNames(const StackView& view, const NodeTable& nodes)
    : names_(nodes.size()), plumbing_(nodes.size(), 0) {
  const LocationUnion& locations = view.locations();
  std::vector<std::uint8_t> done(nodes.size(), 0);
  for (std::uint32_t i = 0; i < locations.locations().size(); ++i) {
    const std::uint32_t mapping = locations.locations()[i].mapping;
    absl::string_view module =
        mapping == kNone ? "" : locations.strings()[locations.mappings()[mapping].file];
    for (std::uint32_t node : nodes.nodesOf(i)) {
      if (done[node]) continue;
      done[node] = 1;
      names_[node] = nodes.printableName(node);
      plumbing_[node] = isPlumbing(names_[node], module);
    }
  }
}

std::size_t FrameNames::ownerIndex(const std::vector<std::uint32_t>& frames) const {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!plumbing_[frames[i]]) return i;
  }
  return frames.size() - 1;
}

const std::string& FrameNames::owner(const std::vector<std::uint32_t>& frames) const {
  return names_[frames[ownerIndex(frames)]];
}

std::string FrameNames::joined(const std::vector<std::uint32_t>& frames) const {
  std::string text;
  for (std::uint32_t frame : frames) absl::StrAppend(&text, text.empty() ? "" : "\n", names_[frame]);
  return text;
}

absl::StatusOr<std::vector<OwnerShare>> topOwners(const model::Query& query) {
  absl::StatusOr<std::unique_ptr<StackView>> view = StackView::make(query, StackView::Mode::kSideBySide, {});
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  absl::StatusOr<std::vector<StackGroup>> groups = groupStacks(**view, nodes);
  if (!groups.ok()) return groups.status();
  const FrameNames names(**view, nodes);
  absl::flat_hash_map<std::string, std::size_t> rowOf;
  std::vector<OwnerShare> owners;
  for (const StackGroup& group : *groups) {
    auto [at, added] = rowOf.try_emplace(names.owner(group.frames), owners.size());
    if (added) owners.push_back({at->first, 0, 0, unitOf((*view)->unit())});
    owners[at->second].bytes += group.value[0];
    ++owners[at->second].stacks;
  }
  std::stable_sort(owners.begin(), owners.end(),
                   [](const OwnerShare& a, const OwnerShare& b) { return a.bytes > b.bytes; });
  return owners;
}

}  // namespace heapprof::analysis
