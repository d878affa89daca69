#include "runtime/pages/units.h"

#include "runtime/base/bits.h"

namespace heapprof::pages {

unsigned UnitLists::longestFreeRun(std::uint64_t used) noexcept {
  std::uint64_t freeBits = ~used & kAllGranules;
  unsigned length = 0;
  for (; freeBits != 0; ++length) freeBits &= freeBits >> 1;
  return length;
}

unsigned UnitLists::findRun(std::uint64_t used, std::uint64_t backed, std::uint32_t granules) noexcept {
  // After the loop bit g of `starts` says that g .. g + granules - 1 are free; the same for `warm`, free and
  // backed.
  std::uint64_t starts = ~used & kAllGranules;
  std::uint64_t warm = starts & backed;
  for (std::uint32_t i = 1; i < granules; ++i) {
    starts &= starts >> 1;
    warm &= warm >> 1;
  }
  if (warm != 0) return static_cast<unsigned>(__builtin_ctzll(warm));
  return starts != 0 ? static_cast<unsigned>(__builtin_ctzll(starts)) : kUnitGranules;
}

std::uint16_t UnitLists::bucketOf(const Unit& unit) noexcept {
  const std::uint64_t used = unit.used.load(std::memory_order_relaxed);
  if (used == kAllGranules) return kUnlisted;
  const unsigned bucket = unit.use == Use::kSmall ? base::bitCount(used) : longestFreeRun(used);
  return static_cast<std::uint16_t>(bucket | ((unit.purged & ~used) != 0 ? kHoles : 0));
}

void UnitLists::link(std::uint32_t number, Unit& unit, std::uint16_t bucket) noexcept {
  unit.bucket = bucket;
  if (bucket == kUnlisted) return;
  List& list = listOf(unit.use, bucket);
  const unsigned index = bucket & ~kHoles;
  unit.prev = 0;
  unit.next = list.heads[index];
  if (unit.next != 0) unitByNumber(unit.next).prev = number;
  list.heads[index] = number;
  list.mask[index / 64] |= std::uint64_t{1} << (index % 64);
}

void UnitLists::unlink(std::uint32_t number, Unit& unit) noexcept {
  if (unit.bucket == kUnlisted) return;
  List& list = listOf(unit.use, unit.bucket);
  const unsigned index = unit.bucket & ~kHoles;
  if (unit.prev != 0) {
    unitByNumber(unit.prev).next = unit.next;
  } else {
    list.heads[index] = unit.next;
    if (unit.next == 0) list.mask[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  }
  if (unit.next != 0) unitByNumber(unit.next).prev = unit.prev;
  unit.bucket = kUnlisted;
  static_cast<void>(number);
}

void UnitLists::add(std::uint32_t number, Use use) noexcept {
  Unit& unit = unitByNumber(number);
  unit.use = use;
  link(number, unit, bucketOf(unit));
}

void UnitLists::remove(std::uint32_t number) noexcept {
  Unit& unit = unitByNumber(number);
  unlink(number, unit);
  unit.use = Use::kNone;
}

void UnitLists::refile(std::uint32_t number) noexcept {
  Unit& unit = unitByNumber(number);
  const std::uint16_t bucket = bucketOf(unit);
  if (bucket == unit.bucket) return;
  unlink(number, unit);
  link(number, unit, bucket);
}

std::uint32_t UnitLists::fullestSmall(bool holesToo) const noexcept {
  const List& whole = lists_[0][0];
  const List& holes = lists_[1][0];
  // Bucket 64 would be a full unit.
  const std::uint64_t mask = holesToo ? whole.mask[0] | holes.mask[0] : whole.mask[0];
  if (mask == 0) return 0;
  const unsigned fullest = 63u - static_cast<unsigned>(__builtin_clzll(mask));
  return whole.heads[fullest] != 0 ? whole.heads[fullest] : holes.heads[fullest];
}

std::uint32_t UnitLists::bestMedium(std::uint32_t granules, bool holesToo) const noexcept {
  const std::size_t lists = holesToo ? 2 : 1;
  for (unsigned bucket = granules; bucket < kBuckets; ++bucket) {
    std::uint32_t best = 0;
    int bestUsed = -1;
    for (std::size_t i = 0; i < lists; ++i) {
      unsigned looks = 0;
      for (std::uint32_t at = lists_[i][1].heads[bucket]; at != 0 && looks < kLooks; ++looks) {
        const Unit& unit = unitByNumber(at);
        const auto used = static_cast<int>(base::bitCount(unit.used.load(std::memory_order_relaxed)));
        if (used > bestUsed) {
          best = at;
          bestUsed = used;
        }
        at = unit.next;
      }
    }
    if (best != 0) return best;
  }
  return 0;
}

}  // namespace heapprof::pages
