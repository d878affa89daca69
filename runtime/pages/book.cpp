#include "runtime/pages/book.h"

#include "runtime/base/bits.h"
#include "runtime/base/fatal.h"
#include "runtime/os/os.h"

namespace heapprof::pages {
namespace {

// Visits the units that [first, first + granules) touches, each with the bits concerned.
template <typename Visit>
void forEachUnit(Granule first, std::uint32_t granules, Visit visit) noexcept {
  while (granules > 0) {
    const std::uint32_t bit = first % kUnitGranules;
    const std::uint32_t here = granules < kUnitGranules - bit ? granules : kUnitGranules - bit;
    visit(unitOf(first), first, bitRun(bit, here));
    first += here;
    granules -= here;
  }
}

std::uint64_t load(const std::atomic<std::uint64_t>& word) noexcept {
  return word.load(std::memory_order_relaxed);
}
void store(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  word.store(value, std::memory_order_relaxed);
}

}  // namespace

bool Book::markUsed(Granule first, std::uint32_t granules) noexcept {
  bool zeroed = true;
  forEachUnit(first, granules, [&](Unit& unit, Granule, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    const std::uint64_t backed = load(unit.backed);
    if ((used & bits) != 0) base::fatal("pages: a granule in use was to be handed out again");
    if (used == 0) store(unit.bornNanos, nowNanos);
    const std::uint64_t warm = backed & bits;
    if (warm != 0) zeroed = false;
    freeBackedGranules -= base::bitCount(warm);
    const std::uint64_t again = unit.purged & bits;
    if (again != 0) {
      unit.refaults.fetch_add(base::bitCount(again), std::memory_order_relaxed);
      refaultedGranules += base::bitCount(again);
      unit.purged &= ~bits;
    }
    store(unit.backed, backed | bits);
    store(unit.used, used | bits);
  });
  usedGranules += granules;
  return zeroed;
}

void Book::markFree(Granule first, std::uint32_t granules) noexcept {
  forEachUnit(first, granules, [&](Unit& unit, Granule, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    if ((used & bits) != bits) base::fatal("pages: a granule was given back that is not in use");
    store(unit.used, used & ~bits);
    freeBackedGranules += base::bitCount(load(unit.backed) & bits);
  });
  // A unit changes between the two passes when its last granule goes or its first is placed: both marks rise.
  const std::uint32_t last = (first + granules - 1) >> kUnitGranulesShift;
  for (std::uint32_t& highest : highestUnit_) highest = last > highest ? last : highest;
  usedGranules -= granules;
}

std::uint64_t Book::discard(Unit& unit, std::uintptr_t start, std::uint64_t most) noexcept {
  std::uint64_t todo = load(unit.backed) & ~load(unit.used);
  std::uint64_t done = 0;
  while (todo != 0 && done < most) {
    const unsigned end = 64 - static_cast<unsigned>(__builtin_clzll(todo));
    const std::uint64_t below = ~todo & bitRun(0, end);
    unsigned from = below == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(below));
    if (end - from > most - done) from = end - static_cast<unsigned>(most - done);
    const std::uint64_t run = bitRun(from, end - from);
    todo &= ~run;
    const std::size_t bytes = std::size_t{end - from} << kGranuleShift;
    if (!os::calls().discard(reinterpret_cast<void*>(start + (std::size_t{from} << kGranuleShift)), bytes))
      continue;
    store(unit.backed, load(unit.backed) & ~run);
    unit.purged |= run;
    unit.purges.fetch_add(1, std::memory_order_relaxed);
    freeBackedGranules -= end - from;
    purgedBytes += bytes;
    done += end - from;
  }
  return done;
}

std::uint64_t Book::purgePass(bool placedUnits, std::uint64_t most) noexcept {
  std::uint32_t& highest = highestUnit_[placedUnits ? 1 : 0];
  std::uint64_t done = 0;
  for (std::size_t r = regionCount(); r-- > 0;) {
    const Region& region = regionAt(r);
    const std::uint32_t firstUnit = region.first >> kUnitGranulesShift;
    const std::uint32_t units = region.committed.load(std::memory_order_relaxed) >> kUnitGranulesShift;
    if (highest < firstUnit) continue;
    for (std::uint32_t u = highest - firstUnit < units ? highest - firstUnit + 1 : units; u-- > 0;) {
      highest = firstUnit + u;
      Unit& unit = region.units[u];
      if ((unit.use != Use::kNone) != placedUnits) continue;
      done += discard(unit, region.start + std::uintptr_t{u} * kUnitBytes, most - done);
      if (done >= most) return done;
    }
  }
  highest = 0;
  return done;
}

std::uint64_t Book::purgeDownTo(std::uint64_t keep) noexcept {
  if (freeBackedGranules <= keep) return 0;
  const std::uint64_t most = freeBackedGranules - keep;
  std::uint64_t done = purgePass(false, most);
  if (done < most) done += purgePass(true, most - done);
  return done << kGranuleShift;
}

}  // namespace heapprof::pages
