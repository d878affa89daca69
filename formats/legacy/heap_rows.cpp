#include "formats/legacy/heap_rows.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kTypes = 4;            // alloc_objects, alloc_space, inuse_objects, inuse_space
constexpr std::size_t kSampleBytes = 160;    // values, begins, and up to three labels
constexpr std::size_t kLocationBytes = 112;  // columns and the table of addresses

}  // namespace

StringIndex HeapRows::text(absl::string_view value) {
  if (value.empty()) return 0;
  const auto [at, isNew] = strings_.try_emplace(value, static_cast<StringIndex>(out_.strings.size()));
  if (isNew) {
    out_.strings.emplace_back(value);
    used_ += 2 * value.size() + 96;
  }
  return at->second;
}

Row HeapRows::locationOf(std::uint64_t address) {
  const auto [at, isNew] = locations_.try_emplace(address, static_cast<Row>(locations_.size()));
  if (isNew) {
    LocationColumns& locations = out_.locations;
    locations.id.push_back(at->second + std::uint64_t{1});
    locations.mapping.push_back(kNoRow);
    locations.address.push_back(address);
    locations.folded.push_back(0);
    locations.lineBegin.push_back(0);
    used_ += kLocationBytes;
  }
  return at->second;
}

void HeapRows::addLabel(absl::string_view key, absl::string_view value, std::int64_t number,
                        absl::string_view unit) {
  LabelColumns& labels = out_.samples.labels;
  labels.key.push_back(text(key));
  labels.str.push_back(text(value));
  labels.num.push_back(number);
  labels.unit.push_back(text(unit));
}

bool HeapRows::add(const std::vector<std::uint64_t>& stack, const Share& share) {
  if (!charge(kSampleBytes + stack.size() * sizeof(Row))) return false;
  SampleColumns& samples = out_.samples;
  for (const std::uint64_t address : stack) {
    samples.stacks.locations.push_back(locationOf(address == 0 ? 0 : address - 1));
  }
  samples.takeStack();
  const double exact[kTypes] = {share.alloc.objects, share.alloc.bytes, share.live.objects, share.live.bytes};
  for (std::size_t i = 0; i < kTypes; ++i) samples.values.push_back(rounding_[i].next(exact[i]));
  hasAlloc_ = hasAlloc_ || share.alloc.objects != 0 || share.alloc.bytes != 0;
  if (share.objectBytes != 0) addLabel("bytes", "", share.objectBytes, "bytes");
  if (!share.thread.empty()) addLabel("thread", share.thread, 0, "");
  if (!share.threadName.empty()) addLabel("thread_name", share.threadName, 0, "");
  samples.labelBegin.push_back(samples.labels.key.size());
  return used_ <= budget_;
}

bool HeapRows::addMapping(std::uint64_t start, std::uint64_t limit, std::uint64_t offset,
                          absl::string_view file, absl::string_view buildId) {
  if (start >= limit) return true;
  Mapping mapping;
  mapping.id = out_.mappings.size() + 1;
  mapping.start = start;
  mapping.limit = limit;
  mapping.offset = offset;
  mapping.file = text(file);
  mapping.buildId = text(buildId);
  out_.mappings.push_back(mapping);
  return charge(2 * sizeof mapping);
}

void HeapRows::assignMappings() {
  std::vector<Row> order(out_.mappings.size());
  for (Row row = 0; row < order.size(); ++row) order[row] = row;
  std::sort(order.begin(), order.end(),
            [this](Row a, Row b) { return out_.mappings[a].start < out_.mappings[b].start; });
  for (std::size_t i = 0; i < out_.locations.size(); ++i) {
    const std::uint64_t address = out_.locations.address[i];
    auto after = std::upper_bound(order.begin(), order.end(), address, [this](std::uint64_t value, Row row) {
      return value < out_.mappings[row].start;
    });
    if (after == order.begin()) continue;
    const Row row = *--after;
    if (address < out_.mappings[row].limit) out_.locations.mapping[i] = row;
  }
}

// At least one frame stays, whatever it is.
void HeapRows::dropAllocatorFrames() {
  std::vector<bool> ofAllocator;
  for (const Mapping& mapping : out_.mappings) {
    absl::string_view file = out_.strings[mapping.file];
    file.remove_prefix(file.rfind('/') + 1);
    ofAllocator.push_back(absl::StartsWith(file, "libjemalloc.") || absl::StartsWith(file, "libtcmalloc"));
  }
  const std::vector<Row>& mappingOf = out_.locations.mapping;
  StackColumns& stacks = out_.samples.stacks;
  std::uint64_t kept = 0, begin = 0;
  for (std::size_t row = 0; row < stacks.size(); ++row) {
    const std::uint64_t end = stacks.locationBegin[row + 1];
    while (begin + 1 < end) {
      const Row mapping = mappingOf[stacks.locations[begin]];
      if (mapping == kNoRow || !ofAllocator[mapping]) break;
      ++begin;
    }
    for (; begin < end; ++begin) stacks.locations[kept++] = stacks.locations[begin];
    stacks.locationBegin[row + 1] = kept;
  }
  stacks.locations.resize(kept);
}

void HeapRows::finish(double meanBytes, absl::string_view allocatorFrames) {
  assignMappings();
  dropAllocatorFrames();
  const char* const names[kTypes][2] = {{"alloc_objects", "count"},
                                        {"alloc_space", "bytes"},
                                        {"inuse_objects", "count"},
                                        {"inuse_space", "bytes"}};
  const std::size_t first = hasAlloc_ ? 0 : 2;
  for (std::size_t i = first; i < kTypes; ++i) {
    out_.sampleTypes.push_back({text(names[i][0]), text(names[i][1])});
  }
  if (!hasAlloc_) {  // what was not recorded is absent, not 0
    std::vector<std::int64_t>& values = out_.samples.values;
    const std::size_t samples = values.size() / kTypes;
    for (std::size_t i = 0; i < samples; ++i) {
      values[2 * i] = values[kTypes * i + 2];
      values[2 * i + 1] = values[kTypes * i + 3];
    }
    values.resize(2 * samples);
  }
  out_.defaultSampleType = text("inuse_space");
  out_.periodType = {text("space"), text("bytes")};
  out_.period = static_cast<std::int64_t>(std::max(1.0, meanBytes));
  out_.dropFrames = text(allocatorFrames);
}

}  // namespace heapprof::formats
