// Placement inside units of 2 MiB: which unit a slab or a medium span goes to.
//
// Small: single granules go to the fullest unit that has one free, so that sparse units drain and come free
// whole. Medium: spans of several granules go to the unit with the shortest sufficient free run, the fullest
// of those first looked at. The two kinds never share a unit: what is in a slab and what is in a span live
// and die at different times.
//
// Units with holes, free granules that were given back, are listed apart: a growth may pass over them
// (growth.h).
//
// Invariant: a unit with use kSmall (kMedium) that has a free granule is in exactly one list, that of its
// number of used granules (of its longest free run) and of whether it has holes; full units are in none. A
// unit without used granules goes back to the extents. Threads: all calls under the page lock.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"
#include "runtime/pages/region.h"

namespace heapprof::pages {

class UnitLists {
 public:
  // Where to place; 0: no unit of this use has room, or only one with holes.
  std::uint32_t fullestSmall(bool holesToo) const noexcept;
  std::uint32_t bestMedium(std::uint32_t granules, bool holesToo) const noexcept;

  void add(std::uint32_t unit, Use use) noexcept;  // a fresh unit, nothing used
  void remove(std::uint32_t unit) noexcept;        // a unit that is empty again
  // To be called after every change of used or purged bits: moves the unit to the list where it now belongs.
  void refile(std::uint32_t unit) noexcept;

  static unsigned longestFreeRun(std::uint64_t used) noexcept;
  // First bit of a free run of `granules`, preferring runs that are backed; kUnitGranules: none.
  static unsigned findRun(std::uint64_t used, std::uint64_t backed, std::uint32_t granules) noexcept;

 private:
  static constexpr unsigned kBuckets = 65;
  static constexpr std::uint16_t kUnlisted = 0xffff;
  static constexpr std::uint16_t kHoles = 0x100;  // in Unit::bucket
  static constexpr unsigned kLooks = 8;
  struct List {
    std::uint32_t heads[kBuckets] = {};
    std::uint64_t mask[2] = {};
  };
  List& listOf(Use use, std::uint16_t bucket) noexcept {
    return lists_[(bucket & kHoles) != 0 ? 1 : 0][use == Use::kSmall ? 0 : 1];
  }
  static std::uint16_t bucketOf(const Unit& unit) noexcept;
  void link(std::uint32_t number, Unit& unit, std::uint16_t bucket) noexcept;
  void unlink(std::uint32_t number, Unit& unit) noexcept;

  List lists_[2][2];  // [holes][use]
};

}  // namespace heapprof::pages
