#include "profiler/analysis/row_groups.h"

#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/stack_groups.h"

namespace heapprof::analysis {
namespace {

// Names the rows that one metric has values for; rows that are named already keep their group.
class Grouper {
 public:
  explicit Grouper(RowGroups* out) : out_(out) {}

  absl::Status add(const model::Query& query, const Cancel& cancel) {
    absl::StatusOr<std::unique_ptr<StackView>> view =
        StackView::make(query, StackView::Mode::kSideBySide, cancel);
    if (!view.ok()) return view.status();
    const NodeTable nodes(**view, query.granularity, query.noInlines);
    const FrameNames names(**view, nodes);
    std::vector<std::uint32_t> frames;
    absl::flat_hash_map<std::vector<std::uint32_t>, std::uint32_t> groupOf;  // names are joined once a stack
    return (*view)->forEach([&](const StackSample& sample) {
      std::uint32_t& group = out_->groupOf[sample.row];
      if (group != kNoGroup) return;
      frames.clear();
      for (std::uint32_t location : sample.stack) {
        absl::Span<const std::uint32_t> own = nodes.nodesOf(location);
        frames.insert(frames.end(), own.begin(), own.end());
      }
      if (frames.empty()) return;
      auto [known, fresh] = groupOf.try_emplace(frames, 0);
      if (!fresh) {
        group = known->second;
        return;
      }
      auto [at, added] = ids_.try_emplace(names.joined(frames), static_cast<std::uint32_t>(out_->size()));
      group = known->second = at->second;
      if (!added) return;
      out_->owner.push_back(names.owner(frames));
      out_->stack.push_back(at->first);
      out_->place.push_back(placeOf(**view, nodes, sample.stack, names.ownerIndex(frames)));
      out_->modules.push_back(filesOf(**view, sample.stack));
    });
  }

 private:
  // "file:line" of the frame with this number in the stack.
  static std::string placeOf(const StackView& view, const NodeTable& nodes,
                             absl::Span<const std::uint32_t> stack, std::size_t frame) {
    for (std::uint32_t location : stack) {
      const std::size_t count = nodes.nodesOf(location).size();
      if (frame >= count) {
        frame -= count;
        continue;
      }
      absl::Span<const FramePlan::Frame> lines = view.plan().frames(location);
      if (frame >= lines.size() || lines[frame].function == kNone) return "";
      const LocationUnion& all = view.locations();
      absl::string_view file = all.strings()[all.functions()[lines[frame].function].file];
      return file.empty() ? std::string() : absl::StrCat(file, ":", lines[frame].line);
    }
    return "";
  }

  static std::string filesOf(const StackView& view, absl::Span<const std::uint32_t> stack) {
    const LocationUnion& all = view.locations();
    std::set<absl::string_view> files;
    for (std::uint32_t location : stack) {
      const std::uint32_t mapping = all.locations()[location].mapping;
      if (mapping != kNone) files.insert(all.strings()[all.mappings()[mapping].file]);
      for (const FramePlan::Frame& frame : view.plan().frames(location)) {
        if (frame.function != kNone) files.insert(all.strings()[all.functions()[frame.function].file]);
      }
    }
    std::string text;
    for (absl::string_view file : files) absl::StrAppend(&text, text.empty() ? "" : "\n", file);
    return text;
  }

  RowGroups* out_;
  absl::flat_hash_map<std::string, std::uint32_t> ids_;
};

}  // namespace

absl::StatusOr<RowGroups> groupRows(const model::Query& query, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  RowGroups groups;
  groups.groupOf.assign(query.snapshot->columns().samples.size(), kNoGroup);
  model::Query alone = query;
  alone.baseline = nullptr;
  alone.baselineMode = model::BaselineMode::kNone;
  Grouper grouper(&groups);
  absl::Status status = grouper.add(alone, cancel);
  // A stack that holds nothing now may have held something: rows of zero are found by what they allocated.
  for (const char* metric : {"inuse_space", "alloc_objects"}) {
    if (!status.ok() || !query.snapshot->sampleType(metric)) continue;
    alone.metric = metric;
    status = grouper.add(alone, cancel);
  }
  if (!status.ok()) return status;
  return groups;
}

}  // namespace heapprof::analysis
