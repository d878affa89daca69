#include "tests/profiler/support/laid_heap.h"

#include <cmath>
#include <map>
#include <random>

namespace heapprof::test {
namespace {

void addExtent(heapprof::Extents& extents, std::uint64_t start, std::uint64_t length,
               heapprof::ExtentKind kind, std::uint64_t objects) {
  const bool slab = kind == heapprof::SMALL_SLAB;
  extents.add_start_delta(start);
  extents.add_length_bytes(length);
  extents.add_kind(kind);
  extents.add_class_size(slab ? kObject : 0);
  extents.add_live_objects(objects);
  extents.add_capacity_objects(slab ? kSlots : 0);
  extents.add_resident_bytes(length);
}

}  // namespace

void LaidHeap::writeHeader(heapprof::HeapSnapshot& heap, std::uint64_t interval) const {
  heap.mutable_header()->set_sampling_interval_bytes(interval);
  heapprof::Geometry& geometry = *heap.mutable_header()->mutable_geometry();
  geometry.set_page_bytes(4096);
  geometry.set_placement_bytes(kUnit);
  geometry.set_granule_bytes(kSlab);
  geometry.set_region_start(kRegion);
  for (std::uint64_t unit = 0; unit * kUnit < slabs.size() * kSlab + dirtyAtEnd; ++unit) {
    heap.mutable_huge_pages()->add_index_delta(unit);
  }
  std::uint64_t live = 0;
  for (const Slab& slab : slabs) live += slab.objects.size();
  heapprof::Totals& totals = *heap.mutable_totals();
  totals.set_kernel_rss_bytes(slabs.size() * kSlab + dirtyAtEnd);
  totals.set_requested_bytes(live * requested);
  totals.set_internal_slack_bytes(live * (kObject - requested));
  totals.set_live_bytes(live * kObject);
  totals.set_free_slot_bytes(slabs.size() * kSlab - live * kObject);
  totals.set_dirty_bytes(dirtyAtEnd);
  heapprof::SizeClasses& classes = *heap.mutable_size_classes();
  classes.add_size(kObject);
  classes.add_slab_bytes(kSlab);
  classes.add_slabs(slabs.size());
  classes.add_live_objects(live);
  classes.add_capacity_objects(slabs.size() * kSlots);
}

void LaidHeap::writeExtents(heapprof::HeapSnapshot& heap) const {
  heapprof::Extents& extents = *heap.mutable_extents();
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    addExtent(extents, kRegion + i * kSlab, kSlab, heapprof::SMALL_SLAB, slabs[i].objects.size());
  }
  if (dirtyAtEnd > 0) {
    addExtent(extents, kRegion + slabs.size() * kSlab, dirtyAtEnd, heapprof::FREE_DIRTY, 0);
  }
}

SnapshotMaker LaidHeap::dump(std::uint64_t interval, std::uint64_t seed) const {
  std::mt19937_64 random(seed);
  const double chance =
      interval <= 1 ? 1 : -std::expm1(-static_cast<double>(kObject) / static_cast<double>(interval));
  std::bernoulli_distribution drawn(chance);
  SnapshotMaker maker;
  heapprof::HeapSnapshot& heap = maker.heap();
  writeHeader(heap, interval);
  writeExtents(heap);
  std::map<std::string, std::vector<std::uint64_t>> sampled;  // addresses by name
  std::size_t number = 0;
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    for (std::size_t slot = 0; slot < slabs[i].objects.size(); ++slot) {
      if (number++ < unsampled || !drawn(random)) continue;
      sampled[slabs[i].objects[slot]].push_back(kRegion + i * kSlab + slot * kObject);
    }
  }
  std::uint64_t id = 0;
  for (const auto& [name, addresses] : sampled) {
    ++id;
    const double count = static_cast<double>(addresses.size()), bytes = static_cast<double>(kObject);
    maker.sample(maker.stack({"malloc", name, "main"}),
                 {std::llround(count / chance), std::llround(count / chance * bytes)});
    maker.stacksRow((1 - chance) / (chance * chance) * count * bytes * bytes, 0, kObject);
    for (std::uint64_t address : addresses) {
      heapprof::LiveSamples& samples = *heap.mutable_samples();
      samples.add_address(address);
      samples.add_allocated_bytes(kObject);
      samples.add_requested_bytes(requested);
      samples.add_interval_bytes(interval);
      samples.add_stack(id);
    }
  }
  return maker;
}

}  // namespace heapprof::test
