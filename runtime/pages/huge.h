// Which units are one huge page, what forming and breaking them did, and whether this kernel lets us.
//
//   small pages --form: dense, at rest for 10 s--> huge --break: at most 60% in use, or asked for--> small
//   pages
//
// (Steep growth begins huge.) A unit is dense with nine tenths of its pages in use, sparse with six tenths or
// fewer. Dense ones are formed and never broken of our own accord; sparse ones are never formed; what lies
// between stays as it is, so that trimming, purging and forming never undo each other.
//
// Breaking: discarding a part of a huge page frees none of it (the kernel keeps the whole charged until it
// finds time to split it). MADV_COLD on one of its pages splits it first, so that comes before the first
// discard.
//
// Invariant: Unit::huge is 1 from a collapse that worked, or a fault that brought all of it (growth.h), until
// a part or all of the unit is given back; a huge page that the kernel made by itself is not known to us
// (dumps ask the kernel). Counters only grow. Threads: any.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"
#include "runtime/pages/region.h"

namespace heapprof::pages {

inline constexpr std::uint32_t kDenseGranules = kUnitGranules - kUnitGranules / 10;  // at least
inline constexpr std::uint32_t kSparseGranules = kUnitGranules * 6 / 10;             // at most

inline bool isHuge(const Unit& unit) noexcept {
  return unit.huge.load(std::memory_order_relaxed) != 0;
}

// To be called before the first part of the unit goes back; `page` is any address inside the unit. True: it
// was huge.
bool breakUnit(Unit& unit, std::uintptr_t page) noexcept;
// All of the unit goes back at once.
void forgetHuge(Unit& unit) noexcept;
void noteFormed(Unit& unit) noexcept;
std::uint64_t hugeUnits() noexcept;

// Whether a part of memory may be huge though we did not form it.
bool kernelFormsByItself() noexcept;

// For a region that is new: faults take one page each, whatever the settings are and become, and whatever
// sizes they are for: a small or sparse heap must not be inflated. Unless thp=always.
void adviseRegion(const Region& region) noexcept;
// Some region was advised so: a collapse needs the opposite advice for its moment.
bool regionsAreAdvised() noexcept;

enum class Forming : std::uint8_t {
  kUntried,  // nothing was worth it yet
  kWorks,
  kAbsent,   // the kernel has no MADV_COLLAPSE, or its huge page is no unit of ours
  kRefused,  // denied: seccomp, PR_SET_THP_DISABLE
  kOff,      // thp=never, or the administrator's setting
};
enum class Cause : std::uint8_t { kEagain, kEnomem, kEinval, kEbusy, kOther, kCount };

struct HugeTotals {
  Forming forming;
  const char* detail;  // why, where it does not work
  std::uint64_t formed, nowHuge, broken, formingNanos;
  std::uint64_t refusals[static_cast<unsigned>(Cause::kCount)];
  std::uint64_t skippedShared;  // looked at, and left because a forked child may share a page of it
};
HugeTotals hugeTotals() noexcept;
int errorOf(Cause cause) noexcept;  // 0: others

// For forming.cpp.
void setForming(Forming state, const char* detail) noexcept;
void noteRefusal(int error) noexcept;
void noteSkippedShared() noexcept;
void noteFormingTime(std::uint64_t nanos) noexcept;

}  // namespace heapprof::pages
