#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/stack_groups.h"
#include "profiler/analysis/unit_samples.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::numberColumn, model::textColumn, model::Unit;

const char* kindName(std::uint32_t kind) {
  static constexpr const char* kNames[] = {"unknown",    "small slab",  "medium slab", "large",
                                           "free dirty", "free purged", "metadata",    "never used"};
  return kind < std::size(kNames) ? kNames[kind] : "unknown";
}

bool isFree(std::uint32_t kind) {
  return kind == heapprof::FREE_DIRTY || kind == heapprof::FREE_PURGED || kind == heapprof::UNUSED;
}

// Extents are sorted by address; only those that touch the unit.
template <typename Visit>
void forEachExtent(const heapprof::Extents& extents, std::uint64_t start, std::uint64_t length,
                   const Visit& visit) {
  const auto& starts = extents.start_delta();  // absolute since the reader
  auto after = std::upper_bound(starts.begin(), starts.end(), start);
  int row = static_cast<int>(after - starts.begin());
  if (row > 0) --row;
  for (; row < starts.size() && row < extents.length_bytes_size() && starts.Get(row) < start + length;
       ++row) {
    if (starts.Get(row) + extents.length_bytes(row) > start) visit(row);
  }
}

// Of a slab, by its slots; NaN: not a slab, or the dump does not say.
float liveShare(const heapprof::Extents& extents, int row) {
  const bool slab = row < extents.class_size_size() && extents.class_size(row) != 0;
  if (!slab || row >= extents.live_objects_size() || row >= extents.capacity_objects_size() ||
      extents.capacity_objects(row) == 0) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return static_cast<float>(extents.live_objects(row)) / static_cast<float>(extents.capacity_objects(row));
}

model::Table extentsTable(const heapprof::Extents& extents, std::uint64_t start, std::uint64_t length) {
  model::Column offset =
      numberColumn("offset", "Offset", Unit::kAddress,
                   "first byte, from the start of the huge page; 0 for one that began before it");
  model::Column at = numberColumn("start", "Start", Unit::kAddress, "first byte");
  model::Column bytes =
      numberColumn("length", "Length", Unit::kBytes, "of the whole run, which may leave this unit");
  model::Column kind = textColumn("kind", "Kind", "what the pages are");
  model::Column size = numberColumn("class_size", "Class", Unit::kBytes, "object size of slabs");
  model::Column used =
      numberColumn("live", "Live", Unit::kFraction, "slots the program holds, of those it has");
  model::Column live = numberColumn("live_objects", "Objects", Unit::kCount, "objects the program holds");
  model::Column room = numberColumn("capacity", "Capacity", Unit::kCount, "objects that would fit");
  model::Column resident = numberColumn("resident", "Resident", Unit::kBytes, "of the run, by the kernel");
  auto add = [](model::Column& column, const auto& cells, int row) {
    row < cells.size() ? addKnown(column, static_cast<double>(cells.Get(row))) : addUnknown(column);
  };
  forEachExtent(extents, start, length, [&](int row) {
    add(at, extents.start_delta(), row);
    addKnown(offset, static_cast<double>(std::max(extents.start_delta(row), start) - start));
    add(bytes, extents.length_bytes(), row);
    kind.texts.emplace_back(kindName(row < extents.kind_size() ? extents.kind(row) : 0));
    const bool slab = row < extents.class_size_size() && extents.class_size(row) != 0;
    slab ? add(size, extents.class_size(), row) : addBlank(size);
    slab ? add(live, extents.live_objects(), row) : addBlank(live);
    slab ? add(room, extents.capacity_objects(), row) : addBlank(room);
    const float share = liveShare(extents, row);
    std::isnan(share) ? addBlank(used) : addKnown(used, static_cast<double>(share));
    add(resident, extents.resident_bytes(), row);
  });
  model::Table table;
  table.id = "unit_extents";
  table.title = "Extents in this huge page";
  table.columns = {std::move(offset), std::move(bytes), std::move(kind), std::move(size),    std::move(used),
                   std::move(live),   std::move(room),  std::move(at),   std::move(resident)};
  return table;
}

// 0 unknown, 1 absent, 2 resident and free, 3 resident and in use.
std::vector<std::uint8_t> pageStates(const model::Snapshot& snapshot, int row, std::uint64_t start) {
  const heapprof::Geometry& geometry = snapshot.heap().header().geometry();
  const heapprof::HugePages& pages = snapshot.heap().huge_pages();
  if (geometry.page_bytes() == 0) return {};
  const std::size_t count = static_cast<std::size_t>(geometry.placement_bytes() / geometry.page_bytes());
  const int words = static_cast<int>((count + 63) / 64);
  std::vector<std::uint8_t> inUse(count, 0), states(count, 0);
  forEachExtent(snapshot.heap().extents(), start, geometry.placement_bytes(), [&](int extent) {
    const heapprof::Extents& extents = snapshot.heap().extents();
    if (extent < extents.kind_size() && isFree(extents.kind(extent))) return;
    const std::uint64_t low = std::max(extents.start_delta(extent), start);
    const std::uint64_t high = std::min(extents.start_delta(extent) + extents.length_bytes(extent),
                                        start + geometry.placement_bytes());
    for (std::uint64_t at = (low - start) / geometry.page_bytes(); at * geometry.page_bytes() < high - start;
         ++at) {
      inUse[static_cast<std::size_t>(at)] = 1;
    }
  });
  if (row < 0 || (row + 1) * words > pages.resident_pages_size()) return states;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = pages.resident_pages(row * words + static_cast<int>(i / 64));
    const bool resident = (word >> (i % 64) & 1) != 0;
    states[i] = !resident ? 1 : inUse[i] ? 3 : 2;
  }
  return states;
}

struct Holder {
  double bytes = 0, variance = 0, objects = 0;

  void add(const Holder& more) {
    bytes += more.bytes;
    variance += more.variance;
    objects += more.objects;
  }
};

using Held = std::pair<std::string, Holder>;  // owner or stack, and what it holds

struct HeldStack {
  std::string owner, frames;
  Holder held;
};

// Most bytes first.
absl::StatusOr<std::vector<HeldStack>> stacksWithin(const model::Query& query, std::uint64_t start,
                                                    std::uint64_t length) {
  model::Query alone = query;
  alone.baselineMode = model::BaselineMode::kNone;
  alone.metric = "inuse_space";
  absl::StatusOr<std::unique_ptr<StackView>> view = StackView::make(alone, StackView::Mode::kSideBySide, {});
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, query.granularity, query.noInlines);
  const FrameNames names(**view, nodes);
  std::map<std::size_t, Holder> byProfileRow;
  const std::vector<std::size_t> rows = profileRows(*query.snapshot);
  for (const SamplePart& part : samplesWithin(*query.snapshot, start, length)) {
    const std::size_t row = rows[static_cast<std::size_t>(part.row)];
    if (row != kNoProfileRow) byProfileRow[row].add({part.bytes, part.variance, part.objects});
  }
  std::map<std::string, HeldStack> byStack;
  absl::Status walked = (*view)->forEach([&](const StackSample& sample) {
    auto at = byProfileRow.find(sample.row);
    if (at == byProfileRow.end()) return;
    std::vector<std::uint32_t> frames;
    for (std::uint32_t location : sample.stack) {
      absl::Span<const std::uint32_t> own = nodes.nodesOf(location);
      frames.insert(frames.end(), own.begin(), own.end());
    }
    HeldStack& stack = byStack[names.joined(frames)];
    stack.owner = names.owner(frames);
    stack.held.add(at->second);
  });
  if (!walked.ok()) return walked;
  std::vector<HeldStack> sorted;
  for (auto& [frames, stack] : byStack) sorted.push_back({std::move(stack.owner), frames, stack.held});
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const HeldStack& a, const HeldStack& b) { return a.held.bytes > b.held.bytes; });
  return sorted;
}

// name, bytes, objects, share, and one more column of texts that belong to the rows.
model::Table heldTable(const std::vector<Held>& rows, model::Column texts) {
  model::Column name = textColumn("name", "Function", "the first function that is not allocation plumbing");
  model::Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "what it holds here, by sampling");
  model::Column objects =
      numberColumn("objects", "Objects", Unit::kCount, "objects that begin here, by sampling");
  model::Column share = numberColumn("share", "Share", Unit::kFraction, "of the sampled bytes here");
  double all = 0;
  for (const auto& [owner, held] : rows) all += held.bytes;
  for (const auto& [owner, held] : rows) {
    name.texts.push_back(owner);
    addWithError(bytes, held.bytes, std::sqrt(held.variance));
    addKnown(objects, std::round(held.objects));
    addKnown(share, all > 0 ? held.bytes / all : 0);
  }
  model::Table table;
  if (rows.empty())
    table.notes.push_back("no sampled object lies here; a smaller sample= interval would see more");
  table.columns = {std::move(name), std::move(bytes), std::move(objects), std::move(share), std::move(texts)};
  return table;
}

model::Table stacksTable(const std::vector<HeldStack>& stacks) {
  std::vector<Held> rows;
  model::Column frames = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  for (const HeldStack& stack : stacks) {
    rows.emplace_back(stack.owner, stack.held);
    frames.texts.push_back(stack.frames);
  }
  model::Table table = heldTable(rows, std::move(frames));
  table.id = "unit_stacks";
  table.title = "Stacks that hold this huge page";
  return table;
}

struct HeldOwner {
  std::string owner, largestStacks;
  Holder held;
  std::size_t stacks = 0;
};

std::vector<HeldOwner> byOwner(const std::vector<HeldStack>& stacks) {
  constexpr std::size_t kStacksTold = 3;
  std::vector<HeldOwner> owners;
  std::map<std::string, std::size_t> rowOf;
  for (const HeldStack& stack : stacks) {
    const auto [at, isNew] = rowOf.emplace(stack.owner, owners.size());
    if (isNew) owners.push_back({stack.owner, "", {}, 0});
    HeldOwner& owner = owners[at->second];
    owner.held.add(stack.held);
    if (++owner.stacks > kStacksTold) continue;
    absl::StrAppend(&owner.largestStacks, owner.stacks == 1 ? "" : "\n\n", stack.frames);
  }
  for (HeldOwner& owner : owners) {
    if (owner.stacks > kStacksTold)
      absl::StrAppend(&owner.largestStacks, "\n\nand ", owner.stacks - kStacksTold, " more");
  }
  std::stable_sort(owners.begin(), owners.end(),
                   [](const HeldOwner& a, const HeldOwner& b) { return a.held.bytes > b.held.bytes; });
  return owners;
}

model::Table ownersTable(const std::vector<HeldStack>& stacks) {
  std::vector<Held> rows;
  model::Column help = textColumn("help", "Stacks", "its largest stacks here, one frame a line, leaf first");
  model::Column count =
      numberColumn("stacks", "Stacks", Unit::kCount, "different call stacks that end in it here");
  for (const HeldOwner& owner : byOwner(stacks)) {
    rows.emplace_back(owner.owner, owner.held);
    help.texts.push_back(owner.largestStacks);
    addKnown(count, static_cast<double>(owner.stacks));
  }
  model::Table table = heldTable(rows, std::move(help));
  table.id = "unit_owners";
  table.title = "Who holds this huge page";
  table.columns.insert(table.columns.end() - 1, std::move(count));
  return table;
}

std::vector<float> pageLive(const model::Snapshot& snapshot, std::uint64_t start) {
  const heapprof::Geometry& geometry = snapshot.heap().header().geometry();
  if (geometry.page_bytes() == 0) return {};
  std::vector<float> live(static_cast<std::size_t>(geometry.placement_bytes() / geometry.page_bytes()),
                          std::numeric_limits<float>::quiet_NaN());
  const heapprof::Extents& extents = snapshot.heap().extents();
  forEachExtent(extents, start, geometry.placement_bytes(), [&](int row) {
    const std::uint64_t low = std::max(extents.start_delta(row), start) - start;
    const std::uint64_t high =
        std::min(extents.start_delta(row) + extents.length_bytes(row) - start, geometry.placement_bytes());
    for (std::size_t page = low / geometry.page_bytes(); page * geometry.page_bytes() < high; ++page) {
      live[page] = liveShare(extents, row);
    }
  });
  return live;
}

}  // namespace

absl::StatusOr<UnitDetail> unitDetail(const model::Query& query, std::uint64_t unitIndex) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const model::Snapshot& snapshot = *query.snapshot;
  const heapprof::Geometry& geometry = snapshot.heap().header().geometry();
  if (!snapshot.hasHeapSnapshot() || geometry.placement_bytes() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(snapshot.path(), ": holds no map of the heap"));
  }
  UnitDetail detail;
  detail.start = geometry.region_start() + unitIndex * geometry.placement_bytes();
  detail.extents = extentsTable(snapshot.heap().extents(), detail.start, geometry.placement_bytes());
  const auto& index = snapshot.heap().huge_pages().index_delta();
  auto at = std::lower_bound(index.begin(), index.end(), unitIndex);
  const int row = at != index.end() && *at == unitIndex ? static_cast<int>(at - index.begin()) : -1;
  detail.pageState = pageStates(snapshot, row, detail.start);
  detail.pageLive = pageLive(snapshot, detail.start);
  absl::StatusOr<std::vector<HeldStack>> stacks =
      stacksWithin(query, detail.start, geometry.placement_bytes());
  if (!stacks.ok()) return stacks.status();
  detail.stacks = stacksTable(*stacks);
  detail.owners = ownersTable(*stacks);
  return detail;
}

}  // namespace heapprof::analysis
