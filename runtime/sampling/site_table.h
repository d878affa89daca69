// Sites: one per (stack, allocated size, kind), with unbiased sums, peaks and lifetimes.
//
// Invariant: an unchanged site's share at the heap's peak is its live figure. When the heap's total exceeds
// its peak the epoch moves on; a site whose epoch is older saves its live bytes before it next changes (O(1)
// per sample). Exact when one thread runs; otherwise off by at most the samples in flight at the peak.
// Figures change under one lock, which is held for some thirty instructions; dumps take none. A handler's
// sample may interrupt one of the same thread, which holds the lock: so all that is summed is added by one
// instruction. Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "runtime/sampling/arena.h"
#include "runtime/sampling/law.h"
#include "runtime/sampling/lock.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/stack_table.h"
#include "runtime/sampling/trie.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {

// Bytes in 65536ths: what is added is taken away again to the last bit, and by one instruction. Enough for
// all that can be addressed.
using Fixed = std::uint64_t;
inline Fixed toFixed(double bytes) noexcept {
  return static_cast<Fixed>(static_cast<std::int64_t>(bytes * 65536 + 0.5));
}
inline double fromFixed(Fixed bytes) noexcept {
  return static_cast<double>(static_cast<std::int64_t>(bytes)) / 65536;
}

// All samples of a site have one size, and nearly all of them one weight: that of the interval that was in
// force when the site was made. Of those only whole numbers are kept, and every sum follows from them when a
// dump reads it. What was drawn at another interval is summed in `other`.
//
//   line 0     children, hash | stack | size and kind | last seen       read by find(), written by a birth
//   line 1     born, left, requested, weight, peaks                     a birth and a death
//   lines 2-4  lifetimes                                                a death
//   lines 5-6  what dumps read, and `other`
//
// Each sample ever is live, freed or thinned. Of `weightInterval` they are counted when they come and when
// they leave, once each: what is live is the difference, read in this order: left, born.
struct SiteNode : TrieNode {
  const Stack* stack;
  std::uint64_t sizeAndKind;  // allocated size << 8 | kind
  std::atomic<std::uint64_t> lastSeenNanos;

  alignas(64) std::atomic<std::uint64_t> born;  // of `weightInterval`
  std::atomic<std::uint64_t> left;
  std::atomic<std::uint64_t> requested;  // sum over those that are live
  std::uint64_t weightInterval;          // what `bytesEach` is for: in force when the site was made
  Fixed bytesEach;                       // its weight times the size
  std::atomic<Fixed> ownPeakBytes;
  std::atomic<Fixed> bytesAtPeak;    // valid where `epoch` is the heap's
  std::atomic<std::uint64_t> epoch;  // 2^32 new peaks in a row are 32 GiB at the least; kHasOther

  alignas(64) std::atomic<std::uint32_t> lifetime[kLifetimeBuckets];

  alignas(64) SiteNode* nextInList;  // all sites, newest first; written before the list's head is
  std::uint64_t id;
  double objectsEach, varianceEach;
  std::atomic<std::uint64_t> firstSeenNanos;
  std::atomic<std::uint64_t> thinned;  // neither live nor freed
  std::atomic<std::uint64_t> allocationsAtReset, freesAtReset;
  struct Other {
    std::atomic<std::uint64_t> allocations, live;     // the former since the reset
    std::atomic<std::uint64_t> born;                  // ever
    std::atomic<double> allocObjects, allocVariance;  // weights
    std::atomic<double> liveObjects, liveVariance, liveRequested;
  } other;

  static constexpr std::uint64_t kHasOther = std::uint64_t{1} << 32;  // in `epoch`
  bool hasOther() const noexcept { return (epoch.load(std::memory_order_relaxed) & kHasOther) != 0; }
  std::uint64_t allocatedSize() const noexcept { return sizeAndKind >> 8; }
  Kind kind() const noexcept { return static_cast<Kind>(sizeAndKind & 0xff); }
};
static_assert(sizeof(TrieNode) == 40 && sizeof(SiteNode) == 7 * 64);

// One sampled object as the sums see it.
struct SampledObject {
  std::uint64_t requested;
  std::uint64_t interval;
};

// Why a live sample leaves its site.
enum class Departure : std::uint8_t {
  kDied,     // freed: counted, and its age enters the lifetimes
  kResized,  // realloc made it another size: counted as a free here and an allocation there, no lifetime
             // ended
  kThinned,  // it lives on, unsampled: cumulative figures stay
};

inline std::size_t lifetimeBucket(std::uint64_t nanos) noexcept {
  const std::size_t bucket = 63u ^ static_cast<unsigned>(__builtin_clzll(nanos | 1));
  return bucket < kLifetimeBuckets ? bucket : kLifetimeBuckets - 1;
}

class SiteTable {
 public:
  // Null when memory ends. `arena`: as in StackTable. `interval`: whose weights a new site remembers.
  SiteNode* find(Arena& arena, const Stack* stack, std::uint64_t allocatedSize, Kind kind,
                 std::uint64_t interval) noexcept;

  // The site of a stack that was recognised, where a hint leads to it.
  static SiteNode* known(const Recognised& known, std::uint64_t allocatedSize, Kind kind) noexcept;

  // As the first, and leaves a hint.
  SiteNode* find(Arena& arena, const Recognised& known, std::uint64_t allocatedSize, Kind kind,
                 std::uint64_t interval) noexcept;

  void born(SiteNode& site, SampledObject object, std::uint64_t now) noexcept;
  void gone(SiteNode& site, SampledObject object, Departure why, std::uint64_t ageNanos) noexcept;
  // The same, inline. `lifetime`: the count of its age, looked at where it died.
  void goneHere(SiteNode& site, SampledObject object, Departure why,
                std::atomic<std::uint32_t>* lifetime) noexcept;
  // realloc within one size class: only the requested figure moves.
  void requestedChanged(SiteNode& site, const SampledObject& before, std::uint64_t requested) noexcept;

  void forEach(void (*visit)(void* context, const Site& site), void* context) const noexcept;
  void resetCumulative(std::uint64_t now) noexcept;

  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  double liveBytes() const noexcept { return fromFixed(heapLive_.load(std::memory_order_relaxed)); }
  double peakBytes() const noexcept { return fromFixed(heapPeak_.load(std::memory_order_relaxed)); }
  std::uint64_t peakNanos() const noexcept { return peakNanos_.load(std::memory_order_relaxed); }
  HandlersLock& figuresLock() noexcept { return figures_; }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  static constexpr int kHintShift = 62;
  static_assert(std::extent_v<SiteHints> == std::size_t{1} << (64 - kHintShift));
  static std::uint64_t sizeAndKindOf(std::uint64_t allocatedSize, Kind kind) noexcept {
    return allocatedSize << 8 | static_cast<std::uint64_t>(kind);
  }
  static std::atomic<SiteNode*>& hintFor(const Recognised& known, std::uint64_t allocatedSize) noexcept;
  static Fixed bytesOf(const SiteNode& site) noexcept;
  void keepShareAtPeak(SiteNode& site) noexcept;
  // What is not as it mostly is: the heap's peak has moved since the site changed, there are samples drawn at
  // another interval than the site's, or a handler interrupted the lock's holder. The lock is held.
  void bornSeldom(SiteNode& site, std::uint64_t requested, std::uint64_t interval,
                  std::uint64_t now) noexcept;
  void goneSeldom(SiteNode& site, std::uint64_t requested, std::uint64_t interval) noexcept;
  void raisePeaks(SiteNode& site, Fixed siteBytes, Fixed addedBytes, std::uint64_t now) noexcept;
  bool isAsMostly(const SiteNode& site, SampledObject object) const noexcept {
    return site.epoch.load(kRelaxed) == heapEpoch_.load(kRelaxed) && object.interval == site.weightInterval;
  }
  Site read(const SiteNode& node, std::uint32_t* lifetime) const noexcept;

  // First, beside the lanes: a forked child sets these locks back, and copies their pages.
  alignas(64) HandlersLock figures_;
  std::atomic<Fixed> heapLive_{0};
  std::atomic<Fixed> heapPeak_{0};
  std::atomic<std::uint32_t> heapEpoch_{0};
  std::atomic<std::uint64_t> peakNanos_{0};
  Trie trie_;
  std::atomic<SiteNode*> newest_{nullptr};
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::uint64_t> lastId_{0};
};

[[gnu::always_inline]] inline void SiteTable::raisePeaks(SiteNode& site, Fixed siteBytes, Fixed addedBytes,
                                                         std::uint64_t now) noexcept {
  if (siteBytes > site.ownPeakBytes.load(kRelaxed)) site.ownPeakBytes.store(siteBytes, kRelaxed);
  addHeld(heapLive_, addedBytes);
  const Fixed total = heapLive_.load(kRelaxed);
  // Signed: what others have taken away already may not have been added yet.
  if (static_cast<std::int64_t>(total) > static_cast<std::int64_t>(heapPeak_.load(kRelaxed))) {
    heapPeak_.store(total, kRelaxed);
    addHeld(heapEpoch_, std::uint32_t{1});
    peakNanos_.store(now, kRelaxed);
  }
}

// Inline: each has one caller that is not rare.
[[gnu::always_inline]] inline void SiteTable::born(SiteNode& site, SampledObject object,
                                                   std::uint64_t now) noexcept {
  const bool held = !figures_.lock();
  if (held || !isAsMostly(site, object)) [[unlikely]] {
    bornSeldom(site, object.requested, object.interval, now);
  } else {
    addHeld(site.requested, object.requested);
    addHeld(site.born, std::uint64_t{1});  // release: pairs with the acquire in allocationsOf()
    if (site.lastSeenNanos.load(kRelaxed) == 0) site.firstSeenNanos.store(now, kRelaxed);
    site.lastSeenNanos.store(now, kRelaxed);
    const std::uint64_t live = site.born.load(kRelaxed) - site.left.load(kRelaxed);
    raisePeaks(site, live * site.bytesEach, site.bytesEach, now);
  }
  if (!held) figures_.unlock();
}

[[gnu::always_inline]] inline void SiteTable::goneHere(SiteNode& site, SampledObject object, Departure why,
                                                       std::atomic<std::uint32_t>* lifetime) noexcept {
  const bool held = !figures_.lock();
  if (why == Departure::kThinned) addHeld(site.thinned, std::uint64_t{1});
  if (why == Departure::kDied) addHeld(*lifetime, std::uint32_t{1});
  if (held || !isAsMostly(site, object)) [[unlikely]] {
    goneSeldom(site, object.requested, object.interval);
  } else {
    addHeld(site.requested, 0 - object.requested);
    addHeld(site.left, std::uint64_t{1});  // release: pairs with the acquire in seenLive()
    addHeld(heapLive_, 0 - site.bytesEach);
  }
  if (!held) figures_.unlock();
}

inline std::atomic<SiteNode*>& SiteTable::hintFor(const Recognised& known,
                                                  std::uint64_t allocatedSize) noexcept {
  // The upper bits of a product: sizes of neighbouring classes differ there.
  return known.sites[allocatedSize * 0x9e3779b97f4a7c15u >> kHintShift];
}

inline SiteNode* SiteTable::known(const Recognised& known, std::uint64_t allocatedSize, Kind kind) noexcept {
  // acquire: pairs with the release in find(), so that the node is seen whole
  SiteNode* const site = hintFor(known, allocatedSize).load(std::memory_order_acquire);
  if (site == nullptr || site->stack != known.stack) return nullptr;
  return site->sizeAndKind == sizeAndKindOf(allocatedSize, kind) ? site : nullptr;
}

}  // namespace heapprof::sampling
