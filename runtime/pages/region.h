// Where addresses come from: one large reserved region, and further ones only when it is exhausted or could
// not be had.
//
// Invariant: a region's address space and its three side tables are reserved whole and made accessible
// together, from the bottom, in steps; [start, start + committed granules) is readable and writable, and so
// are its rows in every table. Regions are appended, never removed, so lookups need no lock. Growth happens
// under the page lock (pages.cpp).
//
//   region  |unit 0: never used|unit 1|unit 2| ... committed |   PROT_NONE ...            |
//   units   one 128-byte row per 2 MiB       nodes  16 bytes per granule (free extents)
//   side    128 bytes per granule for the layer above (its slab descriptors); zero when new
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

enum class Use : std::uint8_t { kNone, kSmall, kMedium };

// What trimming has learned of a unit (heap/trim_rhythm.h, whose these fields are).
struct UnitRhythm {
  std::atomic<std::uint32_t> awayMillis;  // half of what was trimmed came back so soon; 0: it did not
  std::atomic<std::uint16_t> gonePages, backPages;  // since that was last learned
  std::atomic<std::uint32_t> goneMillis;            // when the first of these went
  std::uint32_t emptiedMillis;                      // the helper's own: about as empty as it is since then
  std::uint16_t liveShare;                          // then; of 256
};

// What is known of 2 MiB. Written under the page lock; the bitmaps and counters are also read by dumps.
struct alignas(64) Unit {
  std::atomic<std::uint64_t> used;  // bit g: granule g is handed out
  std::atomic<std::uint64_t>
      backed;  // bit g: granule g may hold memory (it was handed out and not discarded since)
  std::atomic<std::uint64_t> bornNanos;
  std::atomic<std::uint32_t> purges;    // discards of a part of it
  std::atomic<std::uint32_t> refaults;  // granules handed out again after a discard
  std::uint64_t purged;                 // bit g: discarded since it was last handed out
  std::uint32_t next, prev;             // unit numbers: its bucket's list
  std::uint16_t bucket;
  std::atomic<std::uint32_t> purgedMillis;  // when a part of it was last given back (scores.h)
  Use use;  // kSmall, kMedium: its granules are placed by the bitmap; else it belongs to the extents
  std::atomic<std::uint8_t> huge;  // 1: it was made one huge page, and no part of it has gone since (huge.h)
  std::uint8_t refusals;           // the helper's own, as the next: collapses refused in a row
  std::uint32_t triedMillis;       // when it was last looked at for forming
  UnitRhythm rhythm;
};
static_assert(sizeof(Unit) == 128);

// Boundary tags of free extents: valid in an extent's first and last granule only.
struct Node {
  std::uint32_t length;  // 0: not the boundary of a free extent
  std::uint32_t next, prev;
  std::uint32_t isHead;
};
static_assert(sizeof(Node) == 16);

inline constexpr std::size_t kSideBytes = 128;

struct Region {
  std::uintptr_t start;
  Granule first;                         // number of its granule 0
  std::uint32_t granules;                // reserved
  std::atomic<std::uint32_t> committed;  // granules; written under the page lock
  Unit* units;
  Node* nodes;
  std::byte* side;
};

inline constexpr std::size_t kMaxRegions = 128;

// Reserves the first region; false when the kernel refuses everything. Page lock held.
bool reserveFirstRegion(std::size_t wantedBytes) noexcept;
// One more region that can hold `granules` in one piece. Page lock held.
Region* reserveAnotherRegion(std::uint32_t granules) noexcept;
// Makes at least `granules` more accessible, more when it is cheap; returns how many, 0 when refused. Page
// lock held.
std::uint32_t commitMore(Region& region, std::uint32_t granules) noexcept;

std::size_t regionCount() noexcept;
Region& regionAt(std::size_t index) noexcept;
// The region that contains it, or null. Lock-free.
Region* regionOfAddress(std::uintptr_t address) noexcept;
Region* regionOfGranule(Granule granule) noexcept;

// For granules that were handed out or lie in a committed part.
Unit& unitOf(Granule granule) noexcept;
Unit& unitByNumber(std::uint32_t number) noexcept;
Node& nodeOf(Granule granule) noexcept;
std::uintptr_t addressOf(Granule granule) noexcept;
void* sideOf(Granule granule) noexcept;

// kNoGranule for addresses outside of every committed part.
Granule granuleOf(const void* pointer) noexcept;

}  // namespace heapprof::pages
