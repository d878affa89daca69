#include "runtime/pages/book.h"

#include "runtime/base/bits.h"
#include "runtime/base/fatal.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/scores.h"

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

void Book::noteAgain(Unit& unit, Granule at, std::uint64_t bits) noexcept {
  const std::uint64_t again = unit.purged & bits;
  const std::uint64_t bytes = std::uint64_t{base::bitCount(again)} << kGranuleShift;
  unit.refaults.fetch_add(base::bitCount(again), std::memory_order_relaxed);
  refaultedGranules += base::bitCount(again);
  nowNanos = os::calls().monotonicNanos();
  noteRefault(at, bytes, nowNanos);
  growth.note(bytes, nowNanos);
  unit.purged &= ~bits;
}

Book::Marked Book::markUsed(Granule first, std::uint32_t granules) noexcept {
  Marked marked = {true, true};
  forEachUnit(first, granules, [&](Unit& unit, Granule at, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    const std::uint64_t backed = load(unit.backed);
    if ((used & bits) != 0) base::fatal("pages: a granule in use was to be handed out again");
    if (used == 0) store(unit.bornNanos, nowNanos);
    const std::uint64_t warm = backed & bits;
    if (warm != 0) marked.zeroed = false;
    freeBackedGranules -= base::bitCount(warm);
    if ((unit.purged & bits) != bits) marked.returning = false;
    if ((unit.purged & bits) != 0) noteAgain(unit, at, bits);
    store(unit.backed, backed | bits);
    store(unit.used, used | bits);
  });
  usedGranules += granules;
  return marked;
}

void Book::markFree(Granule first, std::uint32_t granules) noexcept {
  forEachUnit(first, granules, [&](Unit& unit, Granule, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    if ((used & bits) != bits) base::fatal("pages: a granule was given back that is not in use");
    store(unit.used, used & ~bits);
    freeBackedGranules += base::bitCount(load(unit.backed) & bits);
  });
  raiseMarks(first + granules - 1);
  usedGranules -= granules;
}

void Book::fileBacked(std::uint32_t number, std::uint32_t granules) noexcept {
  Unit& unit = unitByNumber(number);
  const Granule first = number << kUnitGranulesShift;
  const std::uint64_t bits = bitRun(0, granules);
  if ((unit.purged & bits) != 0) noteAgain(unit, first, bits);
  store(unit.backed, load(unit.backed) | bits);
  freeBackedGranules += granules;
  raiseMarks(first + granules - 1);
}

// A unit changes between the kinds when its last granule goes or its first is placed: both marks rise.
void Book::raiseMarks(Granule last) noexcept {
  const std::uint32_t unit = last >> kUnitGranulesShift;
  for (std::uint32_t& highest : highestUnit_) highest = unit > highest ? unit : highest;
}

void Book::fileFree(Granule first, std::uint32_t granules) noexcept {
  const std::uint32_t number = first >> kUnitGranulesShift;
  const Unit& unit = unitByNumber(number);
  if (unit.use == Use::kNone) {
    extents.give(first, granules);
  } else if (load(unit.used) == 0) {
    lists.remove(number);
    extents.give(number << kUnitGranulesShift, kUnitGranules);
  } else {
    lists.refile(number);
  }
}

void Book::takeRunOut(Granule first, std::uint32_t granules) noexcept {
  forEachUnit(first, granules,
              [&](Unit& unit, Granule, std::uint64_t bits) { store(unit.used, load(unit.used) | bits); });
  const std::uint32_t number = first >> kUnitGranulesShift;
  if (unitByNumber(number).use == Use::kNone) {
    extents.takeFromInside(first, granules);
  } else {
    lists.refile(number);
  }
  freeBackedGranules -= granules;
  outGranules += granules;
  out.granules += granules;
  Batch::Run* last = out.count == 0 ? nullptr : &out.runs[out.count - 1];
  const bool joins = last != nullptr && first + granules == last->first &&
                     regionOfGranule(first) == regionOfGranule(last->first) &&
                     unitOf(last->first).use == Use::kNone && unitByNumber(number).use == Use::kNone;
  if (joins) {
    *last = {first, granules + last->granules};
  } else {
    out.runs[out.count++] = {first, granules};
  }
}

void Book::collect(bool placedUnits, unsigned mostUsed, unsigned mostUsedOfHuge,
                   std::uint64_t most) noexcept {
  std::uint32_t& highest = highestUnit_[placedUnits ? 1 : 0];
  bool passedOver = false;  // something that a later call may want: the mark stays there
  for (std::size_t r = regionCount(); r-- > 0;) {
    const Region& region = regionAt(r);
    const std::uint32_t firstUnit = region.first >> kUnitGranulesShift;
    const std::uint32_t units = region.committed.load(std::memory_order_relaxed) >> kUnitGranulesShift;
    if (highest < firstUnit && !passedOver) continue;
    const std::uint32_t from = passedOver || highest - firstUnit >= units ? units : highest - firstUnit + 1;
    for (std::uint32_t u = from; u-- > 0;) {
      if (!passedOver) highest = firstUnit + u;
      const Unit& unit = region.units[u];
      if ((unit.use != Use::kNone) != placedUnits) continue;
      std::uint64_t todo = load(unit.backed) & ~load(unit.used);
      if (todo == 0) continue;
      if (base::bitCount(load(unit.used)) > (isHuge(unit) ? mostUsedOfHuge : mostUsed)) {
        passedOver = true;
        continue;
      }
      while (todo != 0) {
        if (!out.hasRoom() || out.granules >= most) return;
        const unsigned end = 64 - static_cast<unsigned>(__builtin_clzll(todo));
        const std::uint64_t below = ~todo & bitRun(0, end);
        unsigned first = below == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(below));
        if (end - first > most - out.granules) first = end - static_cast<unsigned>(most - out.granules);
        todo &= ~bitRun(first, end - first);
        takeRunOut(region.first + (u << kUnitGranulesShift) + first, end - first);
      }
    }
  }
  if (!passedOver) highest = 0;
}

bool Book::takeOut(std::uint64_t most, Reach reach) noexcept {
  constexpr unsigned kSparse = kUnitGranules / 2;
  constexpr unsigned kBelowDense = kDenseGranules - 1;
  const bool sparesDense = reach == Reach::kSparing || (reach == Reach::kIdle && formingIsOn());
  const unsigned mostOfHuge = reach == Reach::kPressed ? kUnitGranules
                              : reach == Reach::kAll   ? kBelowDense
                                                       : kSparseGranules;
  if (hugeUnits() != 0) collect(false, 0, 0, most);  // whole ones first: nothing is broken for them
  if (out.hasRoom() && out.granules < most) collect(false, kUnitGranules, mostOfHuge, most);
  for (const unsigned mostUsed : {kSparse, kBelowDense, kUnitGranules}) {
    if (!out.hasRoom() || out.granules >= most || (mostUsed > kBelowDense && sparesDense)) break;
    collect(true, mostUsed, mostUsed < mostOfHuge ? mostUsed : mostOfHuge, most);
  }
  return out.count != 0;
}

std::uint64_t Book::putBack(std::uint64_t discarded) noexcept {
  std::uint64_t returned = 0;
  for (std::uint32_t i = 0; i < out.count; ++i) {
    const Batch::Run& run = out.runs[i];
    const bool gone = (discarded >> i & 1) != 0;
    forEachUnit(run.first, run.granules, [&](Unit& unit, Granule at, std::uint64_t bits) {
      store(unit.used, load(unit.used) & ~bits);
      if (!gone) return;
      stampUnit(at, nowNanos);
      store(unit.backed, load(unit.backed) & ~bits);
      unit.purged |= bits;
      unit.purges.fetch_add(1, std::memory_order_relaxed);
    });
    if (gone) {
      returned += std::uint64_t{run.granules} << kGranuleShift;
    } else {
      freeBackedGranules += run.granules;
      raiseMarks(run.first + run.granules - 1);
    }
    fileFree(run.first, run.granules);
  }
  outGranules -= out.granules;
  out.count = 0;
  out.granules = 0;
  purgedBytes += returned;
  return returned;
}

}  // namespace heapprof::pages
