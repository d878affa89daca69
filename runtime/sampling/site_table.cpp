#include "runtime/sampling/site_table.h"

#include "runtime/sampling/atomic_double.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

double toDouble(std::uint64_t count) noexcept {
  return static_cast<double>(static_cast<std::int64_t>(count));  // one instruction, unlike the unsigned
}

// acquire: pairs with the release in gone(), so that what has left is seen born
std::uint64_t seenLive(const SiteNode& site) noexcept {
  const std::uint64_t left = site.left.load(std::memory_order_acquire);
  return site.born.load(std::memory_order_acquire) - left;
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
    counts.live = seenLive(site);
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

}  // namespace

Fixed SiteTable::bytesOf(const SiteNode& site) noexcept {
  const Fixed own = site.bytesEach * (site.born.load(kRelaxed) - site.left.load(kRelaxed));
  if (!site.hasOther() || site.other.live.load(kRelaxed) == 0) return own;
  return own + toFixed(site.other.liveObjects.load(kRelaxed) * toDouble(site.allocatedSize()));
}

// Called before a change of a site's live figure, where the heap's peak has moved.
void SiteTable::keepShareAtPeak(SiteNode& site) noexcept {
  const std::uint64_t epoch = heapEpoch_.load(kRelaxed);
  const std::uint64_t seen = site.epoch.load(kRelaxed);
  if (static_cast<std::uint32_t>(seen) == epoch) return;
  site.bytesAtPeak.store(bytesOf(site), kRelaxed);
  site.epoch.store((seen & SiteNode::kHasOther) | epoch, kRelaxed);
}

void SiteTable::bornSeldom(SiteNode& site, std::uint64_t requested, std::uint64_t interval,
                           std::uint64_t now) noexcept {
  keepShareAtPeak(site);
  Fixed bytes = site.bytesEach;
  if (interval == site.weightInterval) {
    addHeld(site.requested, requested);
    addHeld(site.born, std::uint64_t{1});  // release: pairs with the acquire in allocationsOf()
  } else {
    const Weight weight = weightOf(site.allocatedSize(), interval);
    bytes = toFixed(weight.objects * toDouble(site.allocatedSize()));
    site.epoch.fetch_or(SiteNode::kHasOther, kRelaxed);
    addHeld(site.other.allocations, std::uint64_t{1});
    addDouble(site.other.allocObjects, weight.objects);
    addDouble(site.other.allocVariance, weight.variance);
    addDouble(site.other.liveObjects, weight.objects);
    addDouble(site.other.liveVariance, weight.variance);
    addDouble(site.other.liveRequested, weight.objects * toDouble(requested));
    addHeld(site.other.live, std::uint64_t{1});
    addHeld(site.other.born, std::uint64_t{1});  // release: pairs with the acquire in allocationsOf()
  }
  if (site.firstSeenNanos.load(kRelaxed) == 0) site.firstSeenNanos.store(now, kRelaxed);
  site.lastSeenNanos.store(now, kRelaxed);
  raisePeaks(site, bytesOf(site), bytes, now);
}

void SiteTable::goneSeldom(SiteNode& site, std::uint64_t requested, std::uint64_t interval) noexcept {
  keepShareAtPeak(site);
  Fixed bytes = site.bytesEach;
  if (interval == site.weightInterval) {
    addHeld(site.requested, 0 - requested);
    addHeld(site.left, std::uint64_t{1});  // release: pairs with the acquire in seenLive()
  } else {
    const Weight weight = weightOf(site.allocatedSize(), interval);
    bytes = toFixed(weight.objects * toDouble(site.allocatedSize()));
    addDouble(site.other.liveObjects, -weight.objects);
    addDouble(site.other.liveVariance, -weight.variance);
    addDouble(site.other.liveRequested, -weight.objects * toDouble(requested));
    addHeld(site.other.live, ~std::uint64_t{0});
  }
  addHeld(heapLive_, 0 - bytes);
}

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
        site->bytesEach = toFixed(weight.objects * toDouble(allocatedSize));
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
  SiteNode* const site = find(arena, known.stack, allocatedSize, kind, interval);
  // release: pairs with the acquire in known()
  if (site != nullptr) hintFor(known, allocatedSize).store(site, std::memory_order_release);
  return site;
}

void SiteTable::gone(SiteNode& site, SampledObject object, Departure why, std::uint64_t ageNanos) noexcept {
  goneHere(site, object, why, &site.lifetime[lifetimeBucket(ageNanos)]);
}

void SiteTable::requestedChanged(SiteNode& site, const SampledObject& before,
                                 std::uint64_t requested) noexcept {
  const bool held = !figures_.lock();
  if (before.interval == site.weightInterval) {
    addHeld(site.requested, requested - before.requested);
  } else {
    const double objects = weightOf(site.allocatedSize(), before.interval).objects;
    addDouble(site.other.liveRequested, objects * (toDouble(requested) - toDouble(before.requested)));
  }
  if (!held) figures_.unlock();
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
  const bool saved = static_cast<std::uint32_t>(node.epoch.load(kRelaxed)) == heapEpoch_.load(kRelaxed);
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
      .peakBytes = saved ? fromFixed(node.bytesAtPeak.load(kRelaxed)) : liveObjects * size,
      .ownPeakBytes = fromFixed(node.ownPeakBytes.load(kRelaxed)),
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
    const bool held = !figures_.lock();
    const Counts counts = countsOf(*node);
    node->allocationsAtReset.store(counts.allocations, kRelaxed);
    node->freesAtReset.store(counts.frees, kRelaxed);
    node->other.allocations.store(0, kRelaxed);
    node->other.allocObjects.store(0, kRelaxed);
    node->other.allocVariance.store(0, kRelaxed);
    node->ownPeakBytes.store(bytesOf(*node), kRelaxed);
    for (auto& bucket : node->lifetime) bucket.store(0, kRelaxed);
    if (!held) figures_.unlock();
  }
  const bool held = !figures_.lock();
  heapPeak_.store(heapLive_.load(kRelaxed), kRelaxed);
  addHeld(heapEpoch_, std::uint32_t{1});
  peakNanos_.store(now, kRelaxed);
  if (!held) figures_.unlock();
}

}  // namespace heapprof::sampling
