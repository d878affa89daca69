#include "profiler/analysis/unit_samples.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/stack_view.h"

namespace heapprof::analysis {
namespace {

double chanceOf(const heapprof::LiveSamples& samples, int row) {
  if (row >= samples.interval_bytes_size() || samples.interval_bytes(row) <= 1) return 1;
  return -std::expm1(-static_cast<double>(samples.allocated_bytes(row)) /
                     static_cast<double>(samples.interval_bytes(row)));
}

int usableRows(const heapprof::LiveSamples& samples) {
  return std::min(samples.address_size(), samples.allocated_bytes_size());
}

}  // namespace

std::vector<SamplePart> samplesWithin(const model::Snapshot& snapshot, std::uint64_t start,
                                      std::uint64_t length) {
  const heapprof::LiveSamples& samples = snapshot.heap().samples();
  std::vector<SamplePart> parts;
  for (int row = 0; row < usableRows(samples); ++row) {
    const std::uint64_t begin = samples.address(row), size = samples.allocated_bytes(row);
    const std::uint64_t low = std::max(begin, start), high = std::min(begin + size, start + length);
    if (low >= high) continue;
    const double p = chanceOf(samples, row), inside = static_cast<double>(high - low);
    parts.push_back({row, inside / p, (1 - p) / (p * p) * inside * inside, begin >= start ? 1 / p : 0});
  }
  return parts;
}

std::vector<std::size_t> profileRows(const model::Snapshot& snapshot) {
  const heapprof::Stacks& stacks = snapshot.heap().stacks();
  absl::flat_hash_map<std::uint64_t, std::size_t> rowOfStack;
  for (int i = 0; i < std::min(stacks.id_size(), stacks.sample_index_size()); ++i) {
    rowOfStack[stacks.id(i)] = static_cast<std::size_t>(stacks.sample_index(i));
  }
  const heapprof::LiveSamples& samples = snapshot.heap().samples();
  std::vector<std::size_t> rows(static_cast<std::size_t>(samples.address_size()), kNoProfileRow);
  for (int i = 0; i < std::min(samples.stack_size(), samples.address_size()); ++i) {
    auto at = rowOfStack.find(samples.stack(i));
    if (at != rowOfStack.end() && at->second < snapshot.columns().samples.size()) {
      rows[static_cast<std::size_t>(i)] = at->second;
    }
  }
  return rows;
}

absl::Status liveOfFilteredStacks(const model::Query& query, const Cancel& cancel, HeapMap* map) {
  model::Query alone = query;
  alone.baselineMode = model::BaselineMode::kNone;
  alone.metric = "inuse_space";
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(alone, StackView::Mode::kSideBySide, cancel);
  if (!view.ok()) return view.status();
  std::vector<std::uint8_t> passes(query.snapshot->columns().samples.size(), 0);
  absl::Status walked = (*view)->forEach([&passes](const StackSample& sample) { passes[sample.row] = 1; });
  if (!walked.ok()) return walked;

  const heapprof::LiveSamples& samples = query.snapshot->heap().samples();
  if (usableRows(samples) == 0) {
    std::fill(map->liveFraction.begin(), map->liveFraction.end(), std::numeric_limits<float>::quiet_NaN());
    return absl::OkStatus();
  }
  const std::vector<std::size_t> rows = profileRows(*query.snapshot);
  std::vector<double> live(map->index.size(), 0);
  for (int i = 0; i < usableRows(samples); ++i) {
    const std::size_t row = rows[static_cast<std::size_t>(i)];
    if (row == kNoProfileRow || !passes[row] || samples.address(i) < map->regionStart) continue;
    const double weight = 1 / chanceOf(samples, i);
    std::uint64_t begin = samples.address(i) - map->regionStart;
    const std::uint64_t end = begin + samples.allocated_bytes(i);
    auto at = std::lower_bound(map->index.begin(), map->index.end(), begin / map->placementBytes);
    for (; at != map->index.end() && *at * map->placementBytes < end; ++at) {
      const std::uint64_t low = std::max(begin, *at * map->placementBytes);
      const std::uint64_t high = std::min(end, (*at + 1) * map->placementBytes);
      if (low < high)
        live[static_cast<std::size_t>(at - map->index.begin())] += weight * static_cast<double>(high - low);
    }
  }
  for (std::size_t i = 0; i < live.size(); ++i) {
    map->liveFraction[i] = static_cast<float>(live[i] / static_cast<double>(map->placementBytes));
  }
  return absl::OkStatus();
}

}  // namespace heapprof::analysis
