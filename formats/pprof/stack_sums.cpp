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
  const bool counts = stacks.raw_live_size() > 0 && stacks.raw_allocations_size() > 0 &&
                      stacks.raw_frees_size() > 0 && scale == 1;
  hasVariances_ |= varies;
  hasCounts_ &= counts;
  if (hasCounts_) lifetimes_.resize(rows);
  std::vector<bool> hasRow(mergedRow.size(), false);
  for (int row = 0; row < stacks.sample_index_size(); ++row) {
    const std::uint64_t sample = stacks.sample_index(row);
    if (sample >= mergedRow.size() || mergedRow[sample] == kNoRow) continue;
    hasRow[sample] = true;
    addRow(stacks, row, static_cast<double>(scale) * static_cast<double>(scale), &sites_[mergedRow[sample]]);
    for (std::size_t bucket = 0; hasCounts_ && bucket < kBuckets; ++bucket) {
      const int at = row * static_cast<int>(kBuckets) + static_cast<int>(bucket);
      lifetimes_[mergedRow[sample]][bucket] +=
          static_cast<std::uint32_t>(cell(stacks.lifetime_buckets(), at));
    }
  }
  for (std::size_t sample = 0; sample < mergedRow.size(); ++sample) {
    if (mergedRow[sample] == kNoRow || (varies && hasRow[sample])) continue;
    sites_[mergedRow[sample]].hasUnknownVariance = true;
    hasCounts_ &= hasRow[sample];
  }
}

void StackSums::addRow(const heapprof::Stacks& stacks, int row, double squared, Site* site) {
  if (row < stacks.variance_inuse_bytes_size()) site->inuse += squared * stacks.variance_inuse_bytes(row);
  if (row < stacks.variance_alloc_bytes_size()) site->alloc += squared * stacks.variance_alloc_bytes(row);
  site->allocations += cell(stacks.raw_allocations(), row);
  site->frees += cell(stacks.raw_frees(), row);
  site->live += cell(stacks.raw_live(), row);
  const std::uint64_t first = cell(stacks.first_seen_nanos(), row);
  if (first != 0 && (site->firstSeen == 0 || first < site->firstSeen)) site->firstSeen = first;
  site->lastSeen = std::max(site->lastSeen, cell(stacks.last_seen_nanos(), row));
  site->allocatedBytes = cell(stacks.allocated_bytes(), row);
  site->kind = static_cast<std::uint32_t>(cell(stacks.kind(), row));
  site->isKnown = true;
}

void StackSums::append(std::uint64_t id, Row sample, const Site& site, heapprof::Stacks* out) const {
  out->add_id(id);
  out->add_sample_index(sample);
  out->add_allocated_bytes(site.allocatedBytes);
  out->add_kind(site.kind);
  if (hasVariances_) {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    out->add_variance_inuse_bytes(site.hasUnknownVariance ? kUnknown : site.inuse);
    out->add_variance_alloc_bytes(site.hasUnknownVariance ? kUnknown : site.alloc);
  }
  if (!hasCounts_) return;
  out->add_raw_allocations(site.allocations);
  out->add_raw_frees(site.frees);
  out->add_raw_live(site.live);
  out->add_first_seen_nanos(site.firstSeen);
  out->add_last_seen_nanos(site.lastSeen);
}

void StackSums::putInto(const std::vector<bool>& isZero, heapprof::HeapSnapshot* kept) const {
  const heapprof::Stacks& old = kept->stacks();
  std::uint64_t lastId = 0;
  for (const std::uint64_t id : old.id()) lastId = std::max(lastId, id);
  for (const std::uint64_t id : kept->samples().stack()) lastId = std::max(lastId, id);
  // Of several rows of one sample the last one is asked for its figures.
  std::vector<int> lastRow(sites_.size(), -1);
  for (int row = 0; row < old.sample_index_size(); ++row) {
    lastRow[old.sample_index(row)] = row;
  }
  heapprof::Stacks sums;
  const auto put = [&](std::uint64_t id, Row sample, bool withFigures) {
    Site site = sites_[sample];
    if (!withFigures) {
      site.inuse = site.alloc = 0;
      site.hasUnknownVariance = false;
      site.allocations = site.frees = site.live = 0;
    }
    append(id, sample, site, &sums);
    for (std::size_t bucket = 0; hasCounts_ && bucket < kBuckets; ++bucket) {
      sums.add_lifetime_buckets(withFigures ? lifetimes_[sample][bucket] : 0);
    }
  };
  for (int row = 0; row < old.sample_index_size(); ++row) {
    const auto sample = static_cast<Row>(old.sample_index(row));
    put(cell(old.id(), row), sample, lastRow[sample] == row);
  }
  for (std::size_t sample = 0; sample < sites_.size(); ++sample) {
    if (lastRow[sample] >= 0 || !sites_[sample].isKnown || isZero[sample]) continue;
    put(++lastId, static_cast<Row>(sample), true);
  }
  if (kept->has_stacks() || sums.id_size() > 0) *kept->mutable_stacks() = std::move(sums);
}

}  // namespace heapprof::formats
