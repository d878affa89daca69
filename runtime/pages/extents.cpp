#include "runtime/pages/extents.h"

#include "runtime/base/bits.h"
#include "runtime/base/fatal.h"
#include "runtime/pages/region.h"

namespace heapprof::pages {
namespace {

// Bounds the time of one search; beyond it any extent that fits will do.
constexpr unsigned kLooks = 64;

// The first granule from here on whose address has the alignment (granule numbers have only a unit's).
Granule alignedStart(Granule first, std::uint32_t alignment) noexcept {
  const std::uint64_t number = addressOf(first) >> kGranuleShift;
  const std::uint64_t aligned = (number + alignment - 1) & ~(std::uint64_t{alignment} - 1);
  return first + static_cast<Granule>(aligned - number);
}

bool fits(Granule first, std::uint32_t length, std::uint32_t granules, std::uint32_t alignment) noexcept {
  const std::uint32_t lost = alignedStart(first, alignment) - first;
  return lost < length && length - lost >= granules;
}

// The end of what is committed: mostly memory that was never used, so everything else is used up first.
bool endsItsRegion(Granule first, std::uint32_t length) noexcept {
  const Region* region = regionOfGranule(first);
  return first + length - region->first == region->committed.load(std::memory_order_relaxed);
}

std::uint32_t backedIn(Granule first, std::uint32_t granules) noexcept {
  std::uint32_t backed = 0;
  while (granules > 0) {
    const std::uint32_t bit = first % kUnitGranules;
    const std::uint32_t here = granules < kUnitGranules - bit ? granules : kUnitGranules - bit;
    const std::uint64_t bits = unitOf(first).backed.load(std::memory_order_relaxed) & bitRun(bit, here);
    backed += base::bitCount(bits);
    first += here;
    granules -= here;
  }
  return backed;
}

}  // namespace

void Extents::insert(Granule first, std::uint32_t granules) noexcept {
  const unsigned bin = binOf(granules);
  Node& head = nodeOf(first);
  Node& tail = nodeOf(first + granules - 1);
  tail.length = granules;
  tail.isHead = 0;
  head.length = granules;
  head.isHead = 1;
  head.prev = kNoGranule;
  head.next = heads_[bin];
  if (head.next != kNoGranule) nodeOf(head.next).prev = first;
  heads_[bin] = first;
  mask_[bin / 64] |= std::uint64_t{1} << (bin % 64);
  freeGranules_ += granules;
}

void Extents::remove(Granule first, std::uint32_t granules) noexcept {
  const unsigned bin = binOf(granules);
  Node& head = nodeOf(first);
  if (head.prev == kNoGranule) {
    heads_[bin] = head.next;
    if (head.next == kNoGranule) mask_[bin / 64] &= ~(std::uint64_t{1} << (bin % 64));
  } else {
    nodeOf(head.prev).next = head.next;
  }
  if (head.next != kNoGranule) nodeOf(head.next).prev = head.prev;
  head.length = 0;
  nodeOf(first + granules - 1).length = 0;
  freeGranules_ -= granules;
}

unsigned Extents::nextBin(unsigned from) const noexcept {
  unsigned word = from / 64;
  if (word >= kMaskWords) return kBins;
  std::uint64_t bits = mask_[word] & (~std::uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word == kMaskWords) return kBins;
    bits = mask_[word];
  }
  return word * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
}

Granule Extents::bestInBin(unsigned bin, std::uint32_t granules, std::uint32_t alignment,
                           bool top) const noexcept {
  Granule best = kNoGranule;
  std::uint32_t bestLength = ~0u;
  unsigned looks = 0;
  for (Granule at = heads_[bin]; at != kNoGranule && looks < kLooks; at = nodeOf(at).next, ++looks) {
    const std::uint32_t length = nodeOf(at).length;
    if (!fits(at, length, granules, alignment) || endsItsRegion(at, length) != top) continue;
    if (length < bestLength || (length == bestLength && at < best)) {
      best = at;
      bestLength = length;
    }
  }
  return best;
}

// Takes [first, first + granules) out of the free extent that starts at `extent`.
void Extents::carve(Granule extent, Granule first, std::uint32_t granules) noexcept {
  const std::uint32_t length = nodeOf(extent).length;
  remove(extent, length);
  if (first > extent) insert(extent, first - extent);
  const Granule end = first + granules;
  const Granule extentEnd = extent + length;
  if (extentEnd > end) insert(end, extentEnd - end);
}

Granule Extents::take(std::uint32_t granules, std::uint32_t alignment) noexcept {
  for (const bool top : {false, true}) {
    for (unsigned bin = nextBin(binOf(granules)); bin < kBins; bin = nextBin(bin + 1)) {
      const Granule extent = bestInBin(bin, granules, alignment, top);
      if (extent == kNoGranule) continue;
      const Granule first = alignedStart(extent, alignment);
      carve(extent, first, granules);
      return first;
    }
  }
  return kNoGranule;
}

Granule Extents::takeWarm(std::uint32_t granules) noexcept {
  Granule bestExtent = kNoGranule;
  Granule bestFirst = kNoGranule;
  std::uint32_t bestCold = ~0u;
  std::uint32_t bestLength = ~0u;
  unsigned looks = 0;
  const auto consider = [&](Granule extent, Granule first, std::uint32_t length) {
    const std::uint32_t cold = granules - backedIn(first, granules);
    if (cold > bestCold || (cold == bestCold && length >= bestLength)) return;
    bestExtent = extent;
    bestFirst = first;
    bestCold = cold;
    bestLength = length;
  };
  for (unsigned bin = nextBin(binOf(granules)); bin < kBins && looks < kLooks; bin = nextBin(bin + 1)) {
    for (Granule at = heads_[bin]; at != kNoGranule && looks < kLooks; at = nodeOf(at).next, ++looks) {
      const std::uint32_t length = nodeOf(at).length;
      if (length < granules) continue;
      const bool top = endsItsRegion(at, length);
      consider(at, at, top ? ~0u - 1 : length);
      if (!top) consider(at, at + length - granules, length);
    }
  }
  if (bestExtent != kNoGranule) carve(bestExtent, bestFirst, granules);
  return bestFirst;
}

bool Extents::takeAt(Granule first, std::uint32_t granules) noexcept {
  const Region* region = regionOfGranule(first);
  if (region == nullptr || first - region->first >= region->committed.load(std::memory_order_relaxed))
    return false;
  const Node& node = nodeOf(first);
  if (node.length < granules || node.isHead == 0) return false;
  carve(first, first, granules);
  return true;
}

// An extent is all the free granules around: only its ends carry tags, so its start is looked for by the bits
// of `used`, a unit at a time. [first, first + granules) itself may be marked used already.
void Extents::takeFromInside(Granule first, std::uint32_t granules) noexcept {
  const auto holdsIt = [&](Granule head) {
    const Node& node = nodeOf(head);
    return node.isHead != 0 && head <= first && head + std::uint64_t{node.length} >= first + granules;
  };
  // A large extent is purged in many pieces.
  if (lastStart_ != kNoGranule && holdsIt(lastStart_)) return carve(lastStart_, first, granules);
  const Region* region = regionOfGranule(first);
  Granule start = first;
  while (start > region->first) {
    const Granule before = start - 1;
    const Unit& unit = unitOf(before);
    if (unit.use != Use::kNone || before < kUnitGranules) break;
    const unsigned bits = before % kUnitGranules + 1;
    const std::uint64_t used = unit.used.load(std::memory_order_relaxed) & bitRun(0, bits);
    if (used == 0) {
      start -= bits;
      continue;
    }
    start -= bits - (64 - static_cast<unsigned>(__builtin_clzll(used)));
    break;
  }
  if (!holdsIt(start)) base::fatal("pages: what was to be purged is no part of a free extent");
  lastStart_ = start;
  carve(start, first, granules);
}

void Extents::give(Granule first, std::uint32_t granules) noexcept {
  const Region* region = regionOfGranule(first);
  const std::uint32_t committed = region->committed.load(std::memory_order_relaxed);
  const Granule end = first + granules;
  if (first > region->first) {
    const std::uint32_t before = nodeOf(first - 1).length;
    if (before != 0) {
      remove(first - before, before);
      first -= before;
      granules += before;
    }
  }
  if (end - region->first < committed) {
    const Node& after = nodeOf(end);
    if (after.length != 0) {
      if (after.isHead == 0) base::fatal("pages: a range was given back that was free already");
      const std::uint32_t length = after.length;
      remove(end, length);
      granules += length;
    }
  }
  insert(first, granules);
}

void Extents::forEach(Visitor visit, void* context) noexcept {
  for (unsigned bin = kBins; bin-- > 0;) {
    for (Granule at = heads_[bin]; at != kNoGranule; at = nodeOf(at).next)
      visit(context, at, nodeOf(at).length);
  }
}

}  // namespace heapprof::pages
