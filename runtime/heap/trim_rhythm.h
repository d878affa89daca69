// Whether what a unit's slabs do not need is better left: the same rule as for granules (pages/rhythm.h), by
// the unit.
//
//   trimmed ──half of it is used again──▶ has a rhythm: how long it had been gone
//      ▲                                      │ the unit empties
//      └──── unused for half as long again ───┘
//
// Invariant: a unit whose pages have not come back, or too late, is trimmed at once. Threads: the helper
// under the upkeep lock; noteBack() any thread that holds the slab's heap.
#pragma once

#include <cstdint>

#include "runtime/pages/region.h"
#include "runtime/pages/rhythm.h"

namespace heapprof::heap {

using pages::millisOf;

inline bool hasRhythm(const pages::UnitRhythm& unit) noexcept {
  return unit.awayMillis.load(std::memory_order_relaxed) != 0;
}

// Of a unit at one look: its slabs that can be looked at, and those of them that no bin was filled from since
// it emptied; their pages, and how many of these are live at least. Slabs of heaps that are in use are left
// out.
struct UnitLook {
  std::uint32_t slabs, untouched, pages, livePages;
  std::uint32_t liveShare() const noexcept { return pages == 0 ? 0 : livePages * 256 / pages; }
};

// Fuller or emptier than it was by a quarter, or used in between: the emptiness of now has only begun.
inline bool hasMoved(const pages::UnitRhythm& unit, const UnitLook& look) noexcept {
  constexpr std::uint32_t kQuarter = 64;
  const std::uint32_t now = look.liveShare();
  const std::uint32_t before = unit.liveShare;
  return now > before + kQuarter || now + kQuarter < before || look.untouched * 2 < look.slabs;
}
inline void beginWait(pages::UnitRhythm& unit, const UnitLook& look, std::uint64_t nowNanos) noexcept {
  unit.emptiedMillis = millisOf(nowNanos);
  unit.liveShare = static_cast<std::uint16_t>(look.liveShare());
}
inline bool isAwaited(const pages::UnitRhythm& unit, std::uint64_t nowNanos) noexcept {
  const std::uint32_t away = unit.awayMillis.load(std::memory_order_relaxed);
  return millisOf(nowNanos) - unit.emptiedMillis <= pages::waitedFor(away);
}

// A unit that empties little by little is trimmed time and again: what counts is the first.
inline void noteTrimmed(pages::UnitRhythm& unit, std::uint32_t pages, std::uint64_t nowNanos) noexcept {
  if (unit.gonePages.load(std::memory_order_relaxed) == 0)
    unit.goneMillis.store(millisOf(nowNanos), std::memory_order_relaxed);
  unit.gonePages.fetch_add(static_cast<std::uint16_t>(pages), std::memory_order_relaxed);
}

// So many pages are used again.
inline void noteBack(pages::Unit& unit, std::uint32_t pages, std::uint64_t nowNanos) noexcept {
  // A round of the helper and the two after which a thread is asleep had passed before it was trimmed.
  constexpr std::uint32_t kBeforeMillis = 500;
  pages::UnitRhythm& rhythm = unit.rhythm;
  const std::uint32_t gone = rhythm.gonePages.load(std::memory_order_relaxed);
  if (gone == 0) return;
  const std::uint32_t back =
      rhythm.backPages.fetch_add(static_cast<std::uint16_t>(pages), std::memory_order_relaxed) + pages;
  if (back * 2 < gone) return;
  // Two threads may both see it: they learn the same.
  rhythm.gonePages.store(0, std::memory_order_relaxed);
  rhythm.backPages.store(0, std::memory_order_relaxed);
  const std::uint32_t away =
      millisOf(nowNanos) - rhythm.goneMillis.load(std::memory_order_relaxed) + kBeforeMillis;
  rhythm.awayMillis.store(away > pages::kLongestAwayMillis ? 0 : away, std::memory_order_relaxed);
}

}  // namespace heapprof::heap
