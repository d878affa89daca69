#include "profiler/model/snapshot.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace heapprof::model {
namespace {

constexpr std::uint32_t kNoStack = 0xffffffffu;

}  // namespace

Snapshot::Snapshot(formats::ProfileColumns columns, std::string path, std::vector<std::string> symbolNotes)
    : columns_(std::move(columns)), path_(std::move(path)), symbolNotes_(std::move(symbolNotes)) {
  const auto& stacks = columns_.heapSnapshot.stacks();
  if (!columns_.hasHeapSnapshot || stacks.sample_index_size() == 0) return;
  stackRowOfSample_.assign(columns_.samples.size(), kNoStack);
  for (int row = 0; row < stacks.sample_index_size(); ++row) {
    std::uint64_t sample = stacks.sample_index(row);
    if (sample < stackRowOfSample_.size()) {
      stackRowOfSample_[static_cast<std::size_t>(sample)] = static_cast<std::uint32_t>(row);
    }
  }
}

absl::string_view Snapshot::snapshotText(std::uint32_t index) const {
  const auto& table = heap().string_table();
  if (index >= static_cast<std::uint32_t>(table.size())) return "";
  return table.Get(static_cast<int>(index));
}

// pprof's rules: a name, the name without "inuse_" (older Go profiles), a number, or "" for the default one,
// which is the last type where the profile names none.
absl::optional<std::size_t> Snapshot::sampleType(absl::string_view name) const {
  const auto& types = columns_.sampleTypes;
  if (types.empty()) return absl::nullopt;
  if (name.empty()) {
    absl::string_view wanted = text(columns_.defaultSampleType);
    for (std::size_t i = 0; i < types.size() && !wanted.empty(); ++i) {
      if (text(types[i].type) == wanted) return i;
    }
    return types.size() - 1;
  }
  std::size_t number = 0;
  if (absl::SimpleAtoi(name, &number)) {
    return number < types.size() ? absl::optional<std::size_t>(number) : absl::nullopt;
  }
  absl::string_view shorter = absl::StripPrefix(name, "inuse_");
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (text(types[i].type) == name || text(types[i].type) == shorter) return i;
  }
  return absl::nullopt;
}

std::vector<std::string> Snapshot::sampleTypeNames() const {
  std::vector<std::string> names;
  for (const formats::ValueType& type : columns_.sampleTypes) names.emplace_back(text(type.type));
  return names;
}

absl::string_view Snapshot::sampleTypeUnit(std::size_t type) const {
  return text(columns_.sampleTypes[type].unit);
}

absl::optional<std::size_t> Snapshot::stackRow(std::size_t sampleRow) const {
  if (sampleRow >= stackRowOfSample_.size() || stackRowOfSample_[sampleRow] == kNoStack) return absl::nullopt;
  return stackRowOfSample_[sampleRow];
}

// A site's objects are all of one allocated size s, so its count is its bytes / s and the variance goes with
// 1/s^2. The requested bytes of a site are nearly proportional to its allocated ones; they are scaled by that
// ratio.
absl::optional<double> Snapshot::variance(std::size_t sampleRow, std::size_t sampleType) const {
  absl::optional<std::size_t> row = stackRow(sampleRow);
  if (!row) return absl::nullopt;
  const auto& stacks = heap().stacks();
  const int at = static_cast<int>(*row);
  absl::string_view name = text(columns_.sampleTypes[sampleType].type);
  const bool live = name == "inuse_space" || name == "inuse_objects" || name == "inuse_requested";
  if (!live && name != "alloc_space" && name != "alloc_objects") return absl::nullopt;
  const auto& variances = live ? stacks.variance_inuse_bytes() : stacks.variance_alloc_bytes();
  if (at >= variances.size()) return absl::nullopt;
  double bytesVariance = variances.Get(at);
  if (name == "inuse_space" || name == "alloc_space") return bytesVariance;
  if (name == "inuse_requested") {
    absl::optional<std::size_t> space = this->sampleType("inuse_space");
    if (!space) return absl::nullopt;
    const std::int64_t* values = &columns_.samples.values[sampleRow * columns_.sampleTypes.size()];
    if (values[*space] == 0) return bytesVariance;
    double ratio = static_cast<double>(values[sampleType]) / static_cast<double>(values[*space]);
    return bytesVariance * ratio * ratio;
  }
  if (at >= stacks.allocated_bytes_size() || stacks.allocated_bytes(at) == 0) return absl::nullopt;
  double size = static_cast<double>(stacks.allocated_bytes(at));
  return bytesVariance / (size * size);
}

}  // namespace heapprof::model
