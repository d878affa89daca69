#include "profiler/analysis/node_table.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace heapprof::analysis {
namespace {

// The shortest path that means the same, by text alone: no "//", no ".", ".." taken back where it can be.
std::string cleanPath(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "/proc/self/cwd/./")) absl::ConsumePrefix(&path, "/proc/self/cwd/");
  const bool rooted = absl::StartsWith(path, "/");
  std::vector<absl::string_view> kept;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!rooted) {
      kept.push_back(part);
    }
  }
  std::string clean = absl::StrCat(rooted ? "/" : "", absl::StrJoin(kept, "/"));
  return clean.empty() ? "." : clean;
}

struct Keep {
  bool function, file, line, address;
};

Keep keepFor(model::Granularity granularity) {
  switch (granularity) {
    case model::Granularity::kFunctions:
      return {true, false, false, false};
    case model::Granularity::kFileFunctions:
      return {true, true, false, false};
    case model::Granularity::kFiles:
      return {false, true, false, false};
    case model::Granularity::kLines:
      return {true, true, true, false};
    case model::Granularity::kAddresses:
      return {true, true, true, true};
  }
  return {true, false, false, false};
}

}  // namespace

NodeTable::NodeTable(StackView& view, model::Granularity granularity, bool noInlines)
    : strings_(view.locations().strings()) {
  const Keep keep = keepFor(granularity);
  LocationUnion& locations = view.locations();
  std::vector<std::uint32_t> cleanFile(locations.functions().size(), 0);
  for (std::size_t i = 0; i < cleanFile.size() && keep.file; ++i) {
    std::uint32_t file = locations.functions()[i].file;
    if (file != 0) cleanFile[i] = locations.strings().internCopy(cleanPath(strings_[file]));
  }
  absl::flat_hash_map<NodeInfo, std::uint32_t> ids;
  auto intern = [&](const NodeInfo& info) {
    auto [at, added] = ids.try_emplace(info, static_cast<std::uint32_t>(infos_.size()));
    if (added) infos_.push_back(info);
    nodes_.push_back(at->second);
  };
  for (std::uint32_t i = 0; i < locations.locations().size(); ++i) {
    begin_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    const LocationUnion::Location& location = locations.locations()[i];
    const std::uint32_t object = location.mapping == kNone ? 0 : locations.mappings()[location.mapping].file;
    const std::uint64_t address = keep.address ? location.address : 0;
    absl::Span<const LocationUnion::Frame> frames = view.plan().frames(i);
    if (noInlines && frames.size() > 1) frames = frames.last(1);
    hasInlines_ = hasInlines_ || frames.size() > 1;
    for (const LocationUnion::Frame& frame : frames) {
      const LocationUnion::Function& function = locations.functions()[frame.function];
      NodeInfo info;
      info.address = address;
      info.line = keep.line ? frame.line : 0;
      info.name = keep.function ? function.name : 0;
      info.file = cleanFile[frame.function];
      if (info.name == 0) {
        info.object = object;
        info.startLine = function.startLine;
      }
      intern(info);
    }
    if (frames.empty()) intern(NodeInfo{0, 0, object, address, 0, 0});
  }
  begin_.push_back(static_cast<std::uint32_t>(nodes_.size()));
}

std::string NodeTable::printableName(std::uint32_t node) const {
  const NodeInfo& info = infos_[node];
  std::string out;
  auto append = [&out](absl::string_view part) { absl::StrAppend(&out, out.empty() ? "" : " ", part); };
  if (info.address != 0) append(absl::StrFormat("%016x", info.address));
  if (info.name != 0) append(strings_[info.name]);
  if (info.line != 0) {
    append(absl::StrCat(strings_[info.file], ":", info.line));
  } else if (info.file != 0) {
    append(strings_[info.file]);
  } else if (info.name != 0) {
    return out;
  } else if (info.object != 0) {
    append(absl::StrCat("[", baseName(strings_[info.object]), "]"));
  } else {
    append("<unknown>");
  }
  return out;
}

std::string NodeTable::sortKey(std::uint32_t node) const {
  const NodeInfo& info = infos_[node];
  return absl::StrCat("{", strings_[info.name], "  ", info.address, " ", strings_[info.file], " ",
                      info.startLine, " ", info.line, " ", strings_[info.object], "}");
}

std::string baseName(absl::string_view path) {
  if (path.empty()) return ".";
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  std::size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos || path.size() == 1) return std::string(path);
  return std::string(path.substr(slash + 1));
}

}  // namespace heapprof::analysis
