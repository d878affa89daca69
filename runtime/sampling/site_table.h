// Sites: one per (stack, allocated size, kind), with unbiased sums, peaks and lifetimes.
//
// Invariant: an unchanged site's share at the heap's peak is its live figure. When the heap's total exceeds
// its peak the epoch moves on; a site whose epoch is older saves its live bytes before it next changes (O(1)
// per sample). Exact when one thread runs; otherwise off by at most the samples in flight at the peak.
// Threads: lock-free from any thread; sums are relaxed atomics.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/sampling/arena.h"
#include "runtime/sampling/law.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/stack_table.h"
#include "runtime/sampling/trie.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {

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
  std::uint64_t weightInterval;          // what `objectsEach` is for: in force when the site was made
  double objectsEach;
  std::atomic<double> ownPeakBytes;
  std::atomic<double> bytesAtPeak;       // valid where peakEpoch is the heap's
  std::atomic<std::uint32_t> peakEpoch;  // its low half: 2^32 new peaks in a row are 32 GiB at the least
  std::atomic<bool> hasOther;

  alignas(64) std::atomic<std::uint32_t> lifetime[kLifetimeBuckets];

  alignas(64) SiteNode* nextInList;  // all sites, newest first; written before the list's head is
  std::uint64_t id;
  double varianceEach;
  std::atomic<std::uint64_t> firstSeenNanos;
  std::atomic<std::uint64_t> thinned;  // neither live nor freed
  std::atomic<std::uint64_t> allocationsAtReset, freesAtReset;
  struct Other {
    std::atomic<std::uint64_t> allocations, live;     // the former since the reset
    std::atomic<std::uint64_t> born;                  // ever
    std::atomic<double> allocObjects, allocVariance;  // weights
    std::atomic<double> liveObjects, liveVariance, liveRequested;
  } other;

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
  const auto bucket = static_cast<std::size_t>(std::bit_width(nanos | 1)) - 1;
  return bucket < kLifetimeBuckets ? bucket : kLifetimeBuckets - 1;
}

class SiteTable {
 public:
  // Null when memory ends. `arena`: as in StackTable. `interval`: whose weights a new site remembers.
  SiteNode* find(Arena& arena, const Stack* stack, std::uint64_t allocatedSize, Kind kind,
                 std::uint64_t interval) noexcept;

  // The same, of a stack that was recognised.
  SiteNode* find(Arena& arena, const Recognised& known, std::uint64_t allocatedSize, Kind kind,
                 std::uint64_t interval) noexcept;

  void born(SiteNode& site, const SampledObject& object, std::uint64_t now) noexcept;
  void gone(SiteNode& site, const SampledObject& object, Departure why, std::uint64_t ageNanos) noexcept;
  static void prefetchGone(const SiteNode& site, std::uint64_t ageNanos) noexcept {
    __builtin_prefetch(&site.born, 1);
    __builtin_prefetch(&site.lifetime[lifetimeBucket(ageNanos)], 1);
  }
  // realloc within one size class: only the requested figure moves.
  void requestedChanged(SiteNode& site, const SampledObject& before, std::uint64_t requested) noexcept;

  void forEach(void (*visit)(void* context, const Site& site), void* context) const noexcept;
  void resetCumulative(std::uint64_t now) noexcept;

  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  double liveBytes() const noexcept { return heapLive_.load(std::memory_order_relaxed); }
  double peakBytes() const noexcept { return heapPeak_.load(std::memory_order_relaxed); }
  std::uint64_t peakNanos() const noexcept { return peakNanos_.load(std::memory_order_relaxed); }

 private:
  void keepShareAtPeak(SiteNode& site) noexcept;
  void raisePeaks(SiteNode& site, double siteBytes, double addedBytes, std::uint64_t now) noexcept;
  Site read(const SiteNode& node, std::uint32_t* lifetime) const noexcept;

  Trie trie_;
  std::atomic<SiteNode*> newest_{nullptr};
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::uint64_t> lastId_{0};
  alignas(64) std::atomic<double> heapLive_{0};
  std::atomic<double> heapPeak_{0};
  std::atomic<std::uint64_t> heapEpoch_{0};
  std::atomic<std::uint64_t> peakNanos_{0};
};

}  // namespace heapprof::sampling
