#include "runtime/heap/trim_unit.h"

#include "runtime/base/bits.h"
#include "runtime/config/options.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/trim_rhythm.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pressure.h"

namespace heapprof::heap {
namespace {

// Its heap when that is borrowed, else null. Of a heap that is not borrowed nothing but the owner word may be
// looked at.
Heap* borrowedOwner(const Slab& slab) noexcept {
  Heap* heap = ownerOf(slab.owner.load(std::memory_order_relaxed));
  return heap != nullptr && heap->borrowed ? heap : nullptr;
}

template <typename Visit>
void forEachTrimmable(pages::Granule first, Visit visit) noexcept {
  for (pages::Granule at = first; at < first + pages::kUnitGranules; ++at) {
    Slab& slab = *slabAt(at);
    Heap* heap = borrowedOwner(slab);
    if (heap != nullptr && slab.kind == SlabKind::kSlab) visit(*heap, slab);
  }
}

// What may be spared is spared from this many live pages on; more than there are: never.
std::uint32_t sparedFrom(const pages::Unit& unit, bool asked) noexcept {
  const auto pages = static_cast<std::uint32_t>(pages::kUnitBytes / os::pageBytes());
  const std::uint32_t dense = pages - pages / 10;
  if (pages::pressure() != pages::Pressure::kNone) return pages + 1;
  if (!pages::isHuge(unit)) return asked || !pages::formingIsOn() ? pages + 1 : dense;
  return asked ? dense : pages * 6 / 10 + 1;
}

bool waitsForRhythm() noexcept {
  return config::options().purge.mode == config::PurgeMode::kAuto &&
         pages::pressure() == pages::Pressure::kNone;
}

struct Bounds {
  std::uint32_t lowest = 0, highest = 0;
};

// How many pages are live, from the counts alone: objects out take at least their bytes, and at most a page
// more each than they need.
Bounds boundsOf(pages::Granule first, std::uint64_t used) noexcept {
  const std::size_t page = os::pageBytes();
  const auto perGranule = static_cast<std::uint32_t>(pages::kGranuleBytes / page);
  Bounds sum;
  std::uint32_t unknown = base::bitCount(used);
  forEachTrimmable(first, [&](Heap&, Slab& slab) {
    const SizeClass& row = kSizeClasses[slab.sizeClass];
    const std::uint32_t pages = slab.granules * perGranule;
    const std::size_t out = outstandingObjects(slab);
    const std::size_t low = out * row.size / page;
    const std::size_t high = out * ((row.size + page - 2) / page + 1);
    sum.lowest += static_cast<std::uint32_t>(low < pages ? low : pages);
    sum.highest += static_cast<std::uint32_t>(high < pages ? high : pages);
    unknown -= slab.granules < unknown ? slab.granules : unknown;
  });
  sum.lowest += unknown * perGranule;
  sum.highest += unknown * perGranule;
  return sum;
}

// The unit has a rhythm: true while what it does not need may be wanted again soon.
bool keepsWaiting(pages::Unit& unit, pages::Granule first, std::uint64_t now) noexcept {
  const std::size_t page = os::pageBytes();
  UnitLook look = {};
  forEachTrimmable(first, [&](Heap&, Slab& slab) {
    const SizeClass& row = kSizeClasses[slab.sizeClass];
    ++look.slabs;
    look.untouched += slab.awaited ? 1 : 0;
    look.pages += slab.granules * static_cast<std::uint32_t>(pages::kGranuleBytes / page);
    look.livePages += static_cast<std::uint32_t>(std::size_t{outstandingObjects(slab)} * row.size / page);
  });
  if (look.slabs != 0 && hasMoved(unit.rhythm, look)) {
    beginWait(unit.rhythm, look, now);
    forEachTrimmable(first, [](Heap&, Slab& slab) { slab.awaited = true; });
  }
  return isAwaited(unit.rhythm, now);
}

// As boundsOf(), but exact, by looking at every slab; some may end.
std::uint32_t countLivePages(pages::Granule first, std::uint64_t used) noexcept {
  const auto perGranule = static_cast<std::uint32_t>(pages::kGranuleBytes / os::pageBytes());
  std::uint32_t live = base::bitCount(used) * perGranule;
  forEachTrimmable(first, [&](Heap& heap, Slab& slab) {
    const std::uint32_t idle = countFreePages(heap, slab);
    live -= idle < live ? idle : live;
  });
  return live;
}

}  // namespace

std::uint32_t trimUnit(pages::Granule first, bool asked, Discards& discards) noexcept {
  pages::Unit& unit = pages::unitOf(first);
  const std::uint64_t used = unit.used.load(std::memory_order_relaxed);
  if (used == 0) return 1;
  std::uint32_t slabs = 0;
  bool any = false;
  bool anySpared = false;
  forEachTrimmable(first, [&](Heap&, Slab& slab) {
    ++slabs;
    any = any || isWorthALook(slab);
    anySpared = anySpared || slab.spared;
  });
  const std::uint32_t spared = sparedFrom(unit, asked);
  const auto perGranule = static_cast<std::uint32_t>(pages::kGranuleBytes / os::pageBytes());
  // Those that were spared are counted again when something else of the unit has changed.
  const bool emptier = base::bitCount(used) * perGranule < spared;
  // Looked at each time, for when it has filled and emptied in between.
  const bool mayWait = !asked && waitsForRhythm() && hasRhythm(unit.rhythm);
  if (!any && !(anySpared && (asked || emptier)) && !mayWait) return slabs + 1;
  if (mayWait && keepsWaiting(unit, first, discards.startNanos())) {
    discards.noteWaits();
    return slabs + 1;
  }
  const Bounds bounds = boundsOf(first, used);
  if (bounds.lowest >= spared) return slabs + 1;
  if (bounds.highest >= spared && countLivePages(first, used) >= spared) return slabs + 1;
  const std::uint64_t before = discards.advisedBytes();
  forEachTrimmable(first, [&](Heap& heap, Slab& slab) { trim(heap, slab, discards); });
  const auto trimmed = static_cast<std::uint32_t>((discards.advisedBytes() - before) / os::pageBytes());
  if (trimmed != 0) noteTrimmed(unit.rhythm, trimmed, discards.startNanos());
  return slabs + 1;
}

}  // namespace heapprof::heap
