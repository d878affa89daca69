#include "runtime/sampling/site_table.h"

#include <bit>

#include "runtime/sampling/atomic_double.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::size_t lifetimeBucket(std::uint64_t nanos) noexcept {
  const auto bucket = static_cast<std::size_t>(std::bit_width(nanos | 1)) - 1;
  return bucket < kLifetimeBuckets ? bucket : kLifetimeBuckets - 1;
}

// An exponential takes as long as the rest of a sample's sums.
Weight weightAt(const SiteNode& site, std::uint64_t interval) noexcept {
  return interval == site.weightInterval ? site.weight : weightOf(site.allocatedSize, interval);
}

}  // namespace

SiteNode* SiteTable::find(Arena& arena, const Stack* stack, std::uint64_t allocatedSize, Kind kind,
                          std::uint64_t interval) noexcept {
  std::uint64_t hash = mix(0, reinterpret_cast<std::uintptr_t>(stack));
  hash = mix(mix(hash, allocatedSize), static_cast<std::uint64_t>(kind));
  const Trie::Found found = trie_.findOrInsert(
      hash,
      [&](const TrieNode* node) noexcept {
        const auto* site = static_cast<const SiteNode*>(node);
        return site->stack == stack && site->allocatedSize == allocatedSize && site->kind == kind;
      },
      [&]() noexcept -> TrieNode* {
        auto* site = static_cast<SiteNode*>(arena.allocate(sizeof(SiteNode)));
        if (site == nullptr) return nullptr;
        site->stack = stack;
        site->allocatedSize = allocatedSize;
        site->kind = kind;
        site->weightInterval = interval;
        site->weight = weightOf(allocatedSize, interval);
        site->id = lastId_.fetch_add(1, kRelaxed) + 1;
        return site;
      });
  auto* site = static_cast<SiteNode*>(found.node);
  if (found.inserted) {
    size_.fetch_add(1, kRelaxed);
    site->nextInList = newest_.load(kRelaxed);
    // release: pairs with the acquire in forEach()
    while (!newest_.compare_exchange_weak(site->nextInList, site, std::memory_order_release, kRelaxed)) {
    }
  }
  return site;
}

// Called before every change of a site's live figure.
void SiteTable::keepShareAtPeak(SiteNode& site) noexcept {
  const std::uint64_t epoch = heapEpoch_.load(kRelaxed);
  if (site.peakEpoch.load(kRelaxed) == epoch) return;
  site.bytesAtPeak.store(site.liveBytes.load(kRelaxed), kRelaxed);
  site.peakEpoch.store(epoch, kRelaxed);
}

void SiteTable::born(SiteNode& site, const SampledObject& object, std::uint64_t now) noexcept {
  const Weight weight = weightAt(site, object.interval);
  const auto allocated = static_cast<double>(object.allocated);
  const double bytes = weight.objects * allocated;
  const double variance = weight.variance * allocated * allocated;

  keepShareAtPeak(site);
  site.rawAllocations.fetch_add(1, kRelaxed);
  site.rawLive.fetch_add(1, kRelaxed);
  addDouble(site.allocObjects, weight.objects);
  addDouble(site.allocBytes, bytes);
  addDouble(site.varianceAlloc, variance);
  addDouble(site.liveObjects, weight.objects);
  addDouble(site.liveRequested, weight.objects * static_cast<double>(object.requested));
  addDouble(site.varianceLive, variance);
  raiseDouble(site.ownPeakBytes, addDouble(site.liveBytes, bytes));
  std::uint64_t never = 0;
  site.firstSeenNanos.compare_exchange_strong(never, now, kRelaxed);
  site.lastSeenNanos.store(now, kRelaxed);

  const double total = addDouble(heapLive_, bytes);
  if (raiseDouble(heapPeak_, total)) {
    heapEpoch_.fetch_add(1, kRelaxed);
    peakNanos_.store(now, kRelaxed);
  }
}

void SiteTable::gone(SiteNode& site, const SampledObject& object, Departure why,
                     std::uint64_t ageNanos) noexcept {
  const Weight weight = weightAt(site, object.interval);
  const auto allocated = static_cast<double>(object.allocated);
  const double bytes = weight.objects * allocated;

  keepShareAtPeak(site);
  addDouble(site.liveObjects, -weight.objects);
  addDouble(site.liveRequested, -weight.objects * static_cast<double>(object.requested));
  addDouble(site.varianceLive, -weight.variance * allocated * allocated);
  addDouble(site.liveBytes, -bytes);
  addDouble(heapLive_, -bytes);
  site.rawLive.fetch_sub(1, kRelaxed);
  if (why == Departure::kThinned) return;
  site.rawFrees.fetch_add(1, kRelaxed);
  if (why == Departure::kDied) site.lifetime[lifetimeBucket(ageNanos)].fetch_add(1, kRelaxed);
}

void SiteTable::requestedChanged(SiteNode& site, const SampledObject& before,
                                 std::uint64_t requested) noexcept {
  const double objects = weightAt(site, before.interval).objects;
  addDouble(site.liveRequested,
            objects * (static_cast<double>(requested) - static_cast<double>(before.requested)));
}

// Sums of weights that are not dyadic leave crumbs when everything is gone: no live record means exactly
// zero.
Site SiteTable::read(const SiteNode& node, std::uint32_t* lifetime) const noexcept {
  for (std::size_t i = 0; i < kLifetimeBuckets; ++i) lifetime[i] = node.lifetime[i].load(kRelaxed);
  const bool any = node.rawLive.load(kRelaxed) != 0;
  const double live = any ? node.liveBytes.load(kRelaxed) : 0;
  const bool saved = node.peakEpoch.load(kRelaxed) == heapEpoch_.load(kRelaxed);
  return Site{
      .id = node.id,
      .frames = node.stack->frames,
      .frameCount = node.stack->count,
      .failure = node.stack->failure,
      .kind = node.kind,
      .allocatedSize = node.allocatedSize,
      .rawAllocations = node.rawAllocations.load(kRelaxed),
      .rawFrees = node.rawFrees.load(kRelaxed),
      .allocObjects = node.allocObjects.load(kRelaxed),
      .allocBytes = node.allocBytes.load(kRelaxed),
      .liveObjects = any ? node.liveObjects.load(kRelaxed) : 0,
      .liveBytes = live,
      .liveRequested = any ? node.liveRequested.load(kRelaxed) : 0,
      .peakBytes = saved ? node.bytesAtPeak.load(kRelaxed) : live,
      .ownPeakBytes = node.ownPeakBytes.load(kRelaxed),
      .varianceLive = any ? node.varianceLive.load(kRelaxed) : 0,
      .varianceAlloc = node.varianceAlloc.load(kRelaxed),
      .firstSeenNanos = node.firstSeenNanos.load(kRelaxed),
      .lastSeenNanos = node.lastSeenNanos.load(kRelaxed),
      .lifetime = lifetime,
      .rawLive = node.rawLive.load(kRelaxed),
  };
}

void SiteTable::forEach(void (*visit)(void* context, const Site& site), void* context) const noexcept {
  std::uint32_t lifetime[kLifetimeBuckets];
  // acquire: pairs with the release in find()
  for (const SiteNode* node = newest_.load(std::memory_order_acquire); node != nullptr;
       node = node->nextInList) {
    visit(context, read(*node, lifetime));
  }
}

void SiteTable::resetCumulative(std::uint64_t now) noexcept {
  for (SiteNode* node = newest_.load(std::memory_order_acquire); node != nullptr; node = node->nextInList) {
    node->rawAllocations.store(0, kRelaxed);
    node->rawFrees.store(0, kRelaxed);
    node->allocObjects.store(0, kRelaxed);
    node->allocBytes.store(0, kRelaxed);
    node->varianceAlloc.store(0, kRelaxed);
    node->ownPeakBytes.store(node->liveBytes.load(kRelaxed), kRelaxed);
    for (auto& bucket : node->lifetime) bucket.store(0, kRelaxed);
  }
  heapPeak_.store(heapLive_.load(kRelaxed), kRelaxed);
  heapEpoch_.fetch_add(1, kRelaxed);
  peakNanos_.store(now, kRelaxed);
}

}  // namespace heapprof::sampling
