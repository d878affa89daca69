#include "runtime/sampling/site_table.h"

#include <type_traits>

#include "runtime/sampling/atomic_double.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::uint64_t sizeAndKindOf(std::uint64_t allocatedSize, Kind kind) noexcept {
  return allocatedSize << 8 | static_cast<std::uint64_t>(kind);
}

double otherObjects(const SiteNode& site) noexcept {
  return site.hasOther.load(kRelaxed) && site.other.live.load(kRelaxed) != 0
             ? site.other.liveObjects.load(kRelaxed)
             : 0;
}

double toDouble(std::uint64_t count) noexcept {
  return static_cast<double>(static_cast<std::int64_t>(count));  // one instruction, unlike the unsigned
}

// acquire: pairs with the release in gone(), so that what has left is seen born
std::uint64_t liveOf(const SiteNode& site) noexcept {
  const std::uint64_t left = site.left.load(std::memory_order_acquire);
  return site.born.load(std::memory_order_acquire) - left;
}

double bytesOf(const SiteNode& site) noexcept {
  return (site.objectsEach * toDouble(liveOf(site)) + otherObjects(site)) *
         static_cast<double>(site.allocatedSize());
}

std::uint64_t allocationsOf(const SiteNode& site) noexcept {
  return site.born.load(std::memory_order_acquire) + site.other.born.load(std::memory_order_acquire);
}

struct Counts {
  std::uint64_t allocations, frees, live, otherLive;
};

// The counts of one moment, unless births kept coming.
Counts countsOf(const SiteNode& site) noexcept {
  constexpr int kAttempts = 8;
  Counts counts = {};
  for (int i = 0; i < kAttempts; ++i) {
    counts.allocations = allocationsOf(site);
    counts.live = liveOf(site);
    counts.otherLive = site.other.live.load(std::memory_order_acquire);
    if (allocationsOf(site) == counts.allocations) break;
  }
  const std::uint64_t kept = counts.live + counts.otherLive + site.thinned.load(kRelaxed);
  counts.frees = counts.allocations > kept ? counts.allocations - kept : 0;
  return counts;
}

std::uint64_t since(std::uint64_t count, const std::atomic<std::uint64_t>& before) noexcept {
  const std::uint64_t then = before.load(kRelaxed);
  return count > then ? count - then : 0;
}

// Weights beside the site's own: what was drawn at another interval.
void otherBorn(SiteNode& site, const SampledObject& object, Weight weight) noexcept {
  site.hasOther.store(true, kRelaxed);
  site.other.allocations.fetch_add(1, kRelaxed);
  addDouble(site.other.allocObjects, weight.objects);
  addDouble(site.other.allocVariance, weight.variance);
  addDouble(site.other.liveObjects, weight.objects);
  addDouble(site.other.liveVariance, weight.variance);
  addDouble(site.other.liveRequested, weight.objects * static_cast<double>(object.requested));
  site.other.live.fetch_add(1, kRelaxed);
  site.other.born.fetch_add(1, std::memory_order_release);  // pairs with the acquire in allocationsOf()
}

void otherGone(SiteNode& site, const SampledObject& object, Weight weight) noexcept {
  addDouble(site.other.liveObjects, -weight.objects);
  addDouble(site.other.liveVariance, -weight.variance);
  addDouble(site.other.liveRequested, -weight.objects * static_cast<double>(object.requested));
  site.other.live.fetch_sub(1, kRelaxed);
}

}  // namespace

SiteNode* SiteTable::find(Arena& arena, const Stack* stack, std::uint64_t allocatedSize, Kind kind,
                          std::uint64_t interval) noexcept {
  const std::uint64_t sizeAndKind = sizeAndKindOf(allocatedSize, kind);
  const std::uint64_t hash = mix(mix(0, reinterpret_cast<std::uintptr_t>(stack)), sizeAndKind);
  const Trie::Found found = trie_.findOrInsert(
      hash,
      [&](const TrieNode* node) noexcept {
        const auto* site = static_cast<const SiteNode*>(node);
        return site->stack == stack && site->sizeAndKind == sizeAndKind;
      },
      [&]() noexcept -> TrieNode* {
        auto* site = static_cast<SiteNode*>(arena.allocate(sizeof(SiteNode), alignof(SiteNode)));
        if (site == nullptr) return nullptr;
        site->stack = stack;
        site->sizeAndKind = sizeAndKind;
        site->weightInterval = interval;
        const Weight weight = weightOf(allocatedSize, interval);
        site->objectsEach = weight.objects;
        site->varianceEach = weight.variance;
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

SiteNode* SiteTable::find(Arena& arena, const Recognised& known, std::uint64_t allocatedSize, Kind kind,
                          std::uint64_t interval) noexcept {
  const std::uint64_t sizeAndKind = sizeAndKindOf(allocatedSize, kind);
  // Neighbouring size classes differ in these bits.
  const auto shift = static_cast<unsigned>(std::bit_width(allocatedSize | 8)) - 3;
  std::atomic<SiteNode*>& hint = known.sites[(allocatedSize >> shift) % std::extent_v<SiteHints>];
  // acquire: pairs with the release below, so that the node is seen whole
  SiteNode* site = hint.load(std::memory_order_acquire);
  if (site != nullptr && site->stack == known.stack && site->sizeAndKind == sizeAndKind) return site;
  site = find(arena, known.stack, allocatedSize, kind, interval);
  if (site != nullptr) hint.store(site, std::memory_order_release);
  return site;
}

// Called before every change of a site's live figure.
void SiteTable::keepShareAtPeak(SiteNode& site) noexcept {
  const auto epoch = static_cast<std::uint32_t>(heapEpoch_.load(kRelaxed));
  if (site.peakEpoch.load(kRelaxed) == epoch) return;
  site.bytesAtPeak.store(bytesOf(site), kRelaxed);
  site.peakEpoch.store(epoch, kRelaxed);
}

void SiteTable::raisePeaks(SiteNode& site, double siteBytes, double addedBytes, std::uint64_t now) noexcept {
  raiseDouble(site.ownPeakBytes, siteBytes);
  const double total = addDouble(heapLive_, addedBytes);
  if (raiseDouble(heapPeak_, total)) {
    heapEpoch_.fetch_add(1, kRelaxed);
    peakNanos_.store(now, kRelaxed);
  }
}

void SiteTable::born(SiteNode& site, const SampledObject& object, std::uint64_t now) noexcept {
  keepShareAtPeak(site);
  double objects = site.objectsEach;
  bool first = false;
  if (object.interval == site.weightInterval) [[likely]] {
    first = site.born.fetch_add(1, std::memory_order_release) == 0;  // pairs with the acquire in liveOf()
    site.requested.fetch_add(object.requested, kRelaxed);
  } else {
    const Weight weight = weightOf(site.allocatedSize(), object.interval);
    otherBorn(site, object, weight);
    objects = weight.objects;
    first = true;
  }
  if (first && site.firstSeenNanos.load(kRelaxed) == 0) site.firstSeenNanos.store(now, kRelaxed);
  site.lastSeenNanos.store(now, kRelaxed);
  raisePeaks(site, bytesOf(site), objects * static_cast<double>(site.allocatedSize()), now);
}

void SiteTable::gone(SiteNode& site, const SampledObject& object, Departure why,
                     std::uint64_t ageNanos) noexcept {
  keepShareAtPeak(site);
  double objects = site.objectsEach;
  if (why == Departure::kThinned) site.thinned.fetch_add(1, kRelaxed);
  if (object.interval == site.weightInterval) [[likely]] {
    site.requested.fetch_sub(object.requested, kRelaxed);
    site.left.fetch_add(1, std::memory_order_release);  // pairs with the acquire in liveOf()
  } else {
    const Weight weight = weightOf(site.allocatedSize(), object.interval);
    otherGone(site, object, weight);
    objects = weight.objects;
  }
  addDouble(heapLive_, -objects * static_cast<double>(site.allocatedSize()));
  if (why == Departure::kDied) site.lifetime[lifetimeBucket(ageNanos)].fetch_add(1, kRelaxed);
}

void SiteTable::requestedChanged(SiteNode& site, const SampledObject& before,
                                 std::uint64_t requested) noexcept {
  if (before.interval == site.weightInterval) {
    site.requested.fetch_add(requested - before.requested, kRelaxed);  // modulo 2^64
    return;
  }
  const double objects = weightOf(site.allocatedSize(), before.interval).objects;
  addDouble(site.other.liveRequested,
            objects * (static_cast<double>(requested) - static_cast<double>(before.requested)));
}

// Weights that are not dyadic leave crumbs in `other` when all of it is gone: no live record means exactly
// zero.
Site SiteTable::read(const SiteNode& node, std::uint32_t* lifetime) const noexcept {
  for (std::size_t i = 0; i < kLifetimeBuckets; ++i) lifetime[i] = node.lifetime[i].load(kRelaxed);
  const Counts counts = countsOf(node);
  const std::uint64_t allocations = since(counts.allocations, node.allocationsAtReset);
  const auto ownAllocations = static_cast<double>(since(allocations, node.other.allocations));
  const bool any = counts.otherLive != 0;
  const auto size = static_cast<double>(node.allocatedSize());
  const double allocObjects = node.objectsEach * ownAllocations + node.other.allocObjects.load(kRelaxed);
  const double liveObjects =
      node.objectsEach * toDouble(counts.live) + (any ? node.other.liveObjects.load(kRelaxed) : 0);
  const double allocVariance = node.varianceEach * ownAllocations + node.other.allocVariance.load(kRelaxed);
  const double liveVariance =
      node.varianceEach * toDouble(counts.live) + (any ? node.other.liveVariance.load(kRelaxed) : 0);
  const auto requested = static_cast<double>(counts.live != 0 ? node.requested.load(kRelaxed) : 0);
  const bool saved = node.peakEpoch.load(kRelaxed) == static_cast<std::uint32_t>(heapEpoch_.load(kRelaxed));
  return Site{
      .id = node.id,
      .frames = node.stack->frames,
      .frameCount = node.stack->count,
      .failure = node.stack->failure,
      .kind = node.kind(),
      .allocatedSize = node.allocatedSize(),
      .rawAllocations = allocations,
      .rawFrees = since(counts.frees, node.freesAtReset),
      .allocObjects = allocObjects,
      .allocBytes = allocObjects * size,
      .liveObjects = liveObjects,
      .liveBytes = liveObjects * size,
      .liveRequested = node.objectsEach * requested + (any ? node.other.liveRequested.load(kRelaxed) : 0),
      .peakBytes = saved ? node.bytesAtPeak.load(kRelaxed) : liveObjects * size,
      .ownPeakBytes = node.ownPeakBytes.load(kRelaxed),
      .varianceLive = liveVariance * size * size,
      .varianceAlloc = allocVariance * size * size,
      .firstSeenNanos = node.firstSeenNanos.load(kRelaxed),
      .lastSeenNanos = node.lastSeenNanos.load(kRelaxed),
      .lifetime = lifetime,
      .rawLive = counts.live + counts.otherLive,
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
    const Counts counts = countsOf(*node);
    node->allocationsAtReset.store(counts.allocations, kRelaxed);
    node->freesAtReset.store(counts.frees, kRelaxed);
    node->other.allocations.store(0, kRelaxed);
    node->other.allocObjects.store(0, kRelaxed);
    node->other.allocVariance.store(0, kRelaxed);
    node->ownPeakBytes.store(bytesOf(*node), kRelaxed);
    for (auto& bucket : node->lifetime) bucket.store(0, kRelaxed);
  }
  heapPeak_.store(heapLive_.load(kRelaxed), kRelaxed);
  heapEpoch_.fetch_add(1, kRelaxed);
  peakNanos_.store(now, kRelaxed);
}

}  // namespace heapprof::sampling
