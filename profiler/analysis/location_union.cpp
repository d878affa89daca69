#include "profiler/analysis/location_union.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"

namespace heapprof::analysis {

std::uint32_t StringPool::intern(absl::string_view text) {
  auto [at, added] = ids_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
  if (added) texts_.push_back(text);
  return at->second;
}

std::uint32_t StringPool::internCopy(std::string text) {
  auto known = ids_.find(text);
  if (known != ids_.end()) return known->second;
  owned_.push_back(std::make_unique<std::string>(std::move(text)));
  return intern(*owned_.back());
}

void LocationUnion::add(const model::Snapshot& snapshot, std::size_t side) {
  const formats::ProfileColumns& columns = snapshot.columns();
  SideRows& rows = rows_[side];
  rows.strings.assign(columns.strings.size(), kNone);
  rows.functions.assign(columns.functions.size(), kNone);
  rows.mappings.assign(columns.mappings.size(), kNone);
  rows.mappingShift.assign(columns.mappings.size(), 0);
  unionRow_[side].assign(columns.locations.size(), kNone);
  if (mappings_.empty() && !columns.mappings.empty()) addMapping(snapshot, side, 0);

  const std::size_t types = columns.sampleTypes.size();
  std::vector<std::uint8_t> seen(columns.samples.stacks.size(), 0);
  for (std::size_t i = 0; i < columns.samples.size(); ++i) {
    const formats::Row stack = columns.samples.stack[i];
    if (seen[stack]) continue;
    const std::int64_t* values = columns.samples.values.data() + i * types;
    if (std::all_of(values, values + types, [](std::int64_t value) { return value == 0; })) continue;
    seen[stack] = 1;
    for (const formats::Row row : columns.samples.stacks[stack]) {
      if (unionRow_[side][row] == kNone) unionRow_[side][row] = addLocation(snapshot, side, row);
    }
  }
}

std::uint32_t LocationUnion::stringOf(const model::Snapshot& snapshot, std::size_t side,
                                      formats::StringIndex index) {
  std::uint32_t& id = rows_[side].strings[index];
  if (id == kNone) id = strings_.intern(snapshot.text(index));
  return id;
}

std::uint32_t LocationUnion::addMapping(const model::Snapshot& snapshot, std::size_t side, formats::Row row) {
  std::uint32_t& known = rows_[side].mappings[row];
  if (known != kNone) return known;
  const formats::Mapping& mapping = snapshot.columns().mappings[row];
  const Mapping joined{mapping.start, stringOf(snapshot, side, mapping.file),
                       stringOf(snapshot, side, mapping.buildId)};
  constexpr std::uint64_t kRounding = 0x1000;  // small differences of size between two runs do not matter
  const std::uint64_t size = (mapping.limit - mapping.start + kRounding - 1) / kRounding * kRounding;
  MappingKey key{size, mapping.offset, joined.buildId != 0 ? joined.buildId : joined.file};
  auto [at, added] = mappingByKey_.try_emplace(key, static_cast<std::uint32_t>(mappings_.size()));
  if (added) mappings_.push_back(joined);
  rows_[side].mappingShift[row] = mappings_[at->second].start - mapping.start;
  return known = at->second;
}

std::uint32_t LocationUnion::addFunction(const model::Snapshot& snapshot, std::size_t side,
                                         formats::Row row) {
  std::uint32_t& known = rows_[side].functions[row];
  if (known != kNone) return known;
  const formats::FunctionColumns& columns = snapshot.columns().functions;
  Function function{stringOf(snapshot, side, columns.name[row]),
                    stringOf(snapshot, side, columns.systemName[row]),
                    stringOf(snapshot, side, columns.file[row]), columns.startLine[row]};
  std::uint64_t hash = absl::HashOf(function.name, function.systemName, function.file, function.startLine);
  std::vector<std::uint32_t>& bucket = functionsByHash_[hash];
  for (std::uint32_t candidate : bucket) {
    if (functions_[candidate] == function) return known = candidate;
  }
  bucket.push_back(static_cast<std::uint32_t>(functions_.size()));
  functions_.push_back(function);
  return known = bucket.back();
}

std::uint32_t LocationUnion::addLocation(const model::Snapshot& snapshot, std::size_t side,
                                         formats::Row row) {
  const formats::LocationColumns& columns = snapshot.columns().locations;
  Location location;
  location.address = columns.address[row];
  location.folded = columns.folded[row] != 0;
  if (columns.mapping[row] != formats::kNoRow) {
    location.mapping = addMapping(snapshot, side, columns.mapping[row]);
    location.address += rows_[side].mappingShift[columns.mapping[row]];
  }
  location.frameBegin = static_cast<std::uint32_t>(frames_.size());
  for (std::uint64_t line = columns.lineBegin[row]; line < columns.lineBegin[row + 1]; ++line) {
    frames_.push_back({addFunction(snapshot, side, columns.lineFunction[line]), columns.lineNumber[line]});
  }
  location.frameEnd = static_cast<std::uint32_t>(frames_.size());
  return findOrKeep(location);
}

std::uint64_t LocationUnion::offsetOf(const Location& location) const {
  return location.mapping == kNone ? location.address : location.address - mappings_[location.mapping].start;
}

bool LocationUnion::same(const Location& a, const Location& b) const {
  if (a.mapping != b.mapping || a.folded != b.folded || offsetOf(a) != offsetOf(b)) return false;
  absl::Span<const Frame> left = framesOf(a), right = framesOf(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

// `location` has its frames at the end of frames_; they are taken back when an equal one is known.
std::uint32_t LocationUnion::findOrKeep(const Location& location) {
  std::uint64_t hash = absl::HashOf(location.mapping, offsetOf(location), location.folded);
  for (const Frame& frame : framesOf(location)) hash = absl::HashOf(hash, frame.function, frame.line);
  std::vector<std::uint32_t>& bucket = locationsByHash_[hash];
  for (std::uint32_t candidate : bucket) {
    if (same(locations_[candidate], location)) {
      frames_.resize(location.frameBegin);
      return candidate;
    }
  }
  bucket.push_back(static_cast<std::uint32_t>(locations_.size()));
  locations_.push_back(location);
  return bucket.back();
}

}  // namespace heapprof::analysis
