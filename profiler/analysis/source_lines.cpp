#include "profiler/analysis/source_lines.h"

#include <algorithm>
#include <map>
#include <re2/re2.h>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/filters.h"
#include "profiler/analysis/node_table.h"

namespace heapprof::analysis {
namespace {

constexpr std::int64_t kMargin = 5;  // pprof's

std::int64_t wrapSum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// What figures are summed by: pprof keeps functions of one name, file and line apart here where they lie in
// different binaries or begin at different lines, so a stack through two of them counts in both.
struct Place {
  std::uint32_t node = 0, object = 0;
  std::int64_t startLine = 0;
  bool operator==(const Place& o) const {
    return node == o.node && object == o.object && startLine == o.startLine;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Place& p) {
    return H::combine(std::move(h), p.node, p.object, p.startLine);
  }
};

struct Sums {
  std::int64_t flat = 0, cum = 0;
  std::uint64_t lastSample = 0;
};

class PlaceSums {
 public:
  PlaceSums(const StackView& view, const NodeTable& nodes) : view_(view) {
    const LocationUnion& locations = view.locations();
    for (std::uint32_t i = 0; i < locations.locations().size(); ++i) {
      begin_.push_back(places_.size());
      const std::uint32_t mapping = locations.locations()[i].mapping;
      const std::uint32_t object = mapping == kNone ? 0 : locations.mappings()[mapping].file;
      const absl::Span<const std::uint32_t> own = nodes.nodesOf(i);
      absl::Span<const LocationUnion::Frame> frames = view.plan().frames(i);
      if (frames.size() > own.size()) frames = frames.last(own.size());  // without inlined ones
      for (std::size_t k = 0; k < own.size(); ++k) {
        const bool named = k < frames.size() && frames[k].function != kNone;
        const std::int64_t startLine = named ? locations.functions()[frames[k].function].startLine : 0;
        const Place place{own[k], object, startLine};
        auto [at, added] = ids_.try_emplace(place, static_cast<std::uint32_t>(known_.size()));
        if (added) known_.push_back(place);
        places_.push_back(at->second);
      }
    }
    begin_.push_back(places_.size());
  }

  absl::Status sum() {
    sums_.assign(known_.size(), {});
    std::uint64_t serial = 0;
    return view_.forEachStack([&](std::int64_t value, absl::Span<const std::uint32_t> stack) {
      ++serial;
      for (const std::uint32_t location : stack) {
        for (std::size_t i = begin_[location]; i < begin_[location + 1]; ++i) {
          Sums& sums = sums_[places_[i]];
          if (sums.lastSample == serial) continue;
          sums.lastSample = serial;
          sums.cum = wrapSum(sums.cum, value);
        }
      }
      Sums& leaf = sums_[places_[begin_[stack.front()]]];
      leaf.flat = wrapSum(leaf.flat, value);
    });
  }

  std::size_t size() const { return known_.size(); }
  const Place& place(std::size_t i) const { return known_[i]; }
  const Sums& sums(std::size_t i) const { return sums_[i]; }

 private:
  const StackView& view_;
  absl::flat_hash_map<Place, std::uint32_t> ids_;
  std::vector<Place> known_;
  std::vector<std::uint32_t> places_;
  std::vector<std::size_t> begin_;
  std::vector<Sums> sums_;
};

void addLine(SourceLines::Routine* routine, std::int64_t number, std::int64_t startLine, const Sums& sums) {
  routine->flat = wrapSum(routine->flat, sums.flat);
  routine->cum = wrapSum(routine->cum, sums.cum);
  const std::int64_t first = startLine != 0 ? startLine : number - kMargin;
  routine->first = routine->lines.empty() ? first : std::min(routine->first, first);
  routine->last = routine->lines.empty() ? number + kMargin : std::max(routine->last, number + kMargin);
  routine->lines.push_back({number, sums.flat, sums.cum});
}

// Lines in order, each once.
void finish(SourceLines::Routine* routine) {
  std::vector<SourceLines::Line>& lines = routine->lines;
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  std::vector<SourceLines::Line> joined;
  for (const SourceLines::Line& line : lines) {
    if (joined.empty() || joined.back().number != line.number) {
      joined.push_back(line);
    } else {
      joined.back().flat = wrapSum(joined.back().flat, line.flat);
      joined.back().cum = wrapSum(joined.back().cum, line.cum);
    }
  }
  lines = std::move(joined);
  routine->first = std::max<std::int64_t>(1, routine->first);
}

}  // namespace

absl::StatusOr<SourceLines> sourceLines(const model::Query& query, absl::string_view regex,
                                        const Cancel& cancel) {
  absl::StatusOr<RegexPtr> wanted = compileRegex("list", regex);
  if (!wanted.ok()) return wanted.status();
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(query, StackView::Mode::kSubtract, cancel);
  if (!view.ok()) return view.status();
  const NodeTable nodes(**view, model::Granularity::kLines, query.noInlines);
  PlaceSums sums(**view, nodes);
  if (absl::Status summed = sums.sum(); !summed.ok()) return summed;

  const StringPool& strings = (*view)->locations().strings();
  std::map<std::string, std::map<std::string, SourceLines::Routine>> found;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const NodeInfo& info = nodes.info(sums.place(i).node);
    const std::string name(strings[info.name]);
    if (sums.sums(i).flat == 0 && sums.sums(i).cum == 0) continue;  // cancelled out: not in pprof's graph
    if (*wanted != nullptr && !matches(**wanted, name)) continue;
    SourceLines::Routine& routine = found[name][std::string(strings[info.file])];
    addLine(&routine, info.line, sums.place(i).startLine, sums.sums(i));
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat(query.snapshot->path(), ": no function matches ", regex,
                                            "; heapprof top lists the names that are there"));
  }
  SourceLines result;
  result.total = (*view)->total();
  result.metric = (*view)->metric();
  result.unit = (*view)->unit();
  result.notes = (*view)->notes();
  for (auto& [name, files] : found) {
    if (files.size() > 1) files.erase("");  // what has a place elsewhere is listed there
    for (auto& [file, routine] : files) {
      routine.function = name;
      routine.file = file;
      finish(&routine);
      result.routines.push_back(std::move(routine));
    }
  }
  return result;
}

}  // namespace heapprof::analysis
