#include "formats/pprof/stack_sums.h"

#include <algorithm>
#include <limits>

namespace heapprof::formats {
namespace {

template <class Column>
std::uint64_t cell(const Column& column, int row) {
  return row < column.size() ? column.Get(row) : 0;
}

}  // namespace

void StackSums::add(const heapprof::Stacks& stacks, absl::Span<const Row> mergedRow, std::int64_t scale) {
  std::size_t rows = sites_.size();
  for (const Row row : mergedRow) {
    if (row != kNoRow) rows = std::max<std::size_t>(rows, row + std::size_t{1});
  }
  sites_.resize(rows);
  const bool varies = stacks.variance_inuse_bytes_size() > 0 && stacks.variance_alloc_bytes_size() > 0;
  const double squared = static_cast<double>(scale) * static_cast<double>(scale);
  hasVariances_ |= varies;
  std::vector<bool> hasVariance(mergedRow.size(), false);
  for (int row = 0; row < stacks.sample_index_size(); ++row) {
    const std::uint64_t sample = stacks.sample_index(row);
    if (sample >= mergedRow.size() || mergedRow[sample] == kNoRow) continue;
    Site& site = sites_[mergedRow[sample]];
    site.isKnown = true;
    site.allocatedBytes = cell(stacks.allocated_bytes(), row);
    site.kind = static_cast<std::uint32_t>(cell(stacks.kind(), row));
    if (!varies) continue;
    hasVariance[sample] = true;
    site.inuse += squared * stacks.variance_inuse_bytes(row);
    site.alloc += squared * stacks.variance_alloc_bytes(row);
  }
  for (std::size_t sample = 0; sample < mergedRow.size(); ++sample) {
    if (mergedRow[sample] != kNoRow && !hasVariance[sample]) {
      sites_[mergedRow[sample]].hasUnknownVariance = true;
    }
  }
}

void StackSums::putInto(const std::vector<bool>& isZero, heapprof::HeapSnapshot* kept) const {
  const heapprof::Stacks& old = kept->stacks();
  std::uint64_t lastId = 0;
  for (const std::uint64_t id : old.id()) lastId = std::max(lastId, id);
  for (const std::uint64_t id : kept->samples().stack()) lastId = std::max(lastId, id);
  // Of several rows of one sample the last one is asked for its figures.
  std::vector<int> lastRow(sites_.size(), -1);
  for (int row = 0; row < old.sample_index_size(); ++row) lastRow[old.sample_index(row)] = row;

  heapprof::Stacks sums;
  const auto put = [&](std::uint64_t id, std::size_t sample, bool withFigures) {
    const Site& site = sites_[sample];
    sums.add_id(id);
    sums.add_sample_index(sample);
    sums.add_allocated_bytes(site.allocatedBytes);
    sums.add_kind(site.kind);
    if (!hasVariances_) return;
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    sums.add_variance_inuse_bytes(!withFigures ? 0 : site.hasUnknownVariance ? kUnknown : site.inuse);
    sums.add_variance_alloc_bytes(!withFigures ? 0 : site.hasUnknownVariance ? kUnknown : site.alloc);
  };
  for (int row = 0; row < old.sample_index_size(); ++row) {
    const std::uint64_t sample = old.sample_index(row);
    put(cell(old.id(), row), sample, lastRow[sample] == row);
  }
  for (std::size_t sample = 0; sample < sites_.size(); ++sample) {
    if (lastRow[sample] < 0 && sites_[sample].isKnown && !isZero[sample]) put(++lastId, sample, true);
  }
  if (kept->has_stacks() || sums.id_size() > 0) *kept->mutable_stacks() = std::move(sums);
}

}  // namespace heapprof::formats
