// The page layer's books: all that the page lock guards.
//
// Invariant: usedGranules + outGranules is the number of `used` bits over all units, freeBackedGranules that
// of bits `backed` but not `used`. What is *out* is free, but taken out of the extents and marked used, so
// that nobody is handed it while the kernel is advised without the lock; it comes back by putBack(). At most
// one Batch is out (pages.cpp).
#pragma once

#include <cstdint>

#include "runtime/base/mutex.h"
#include "runtime/pages/demand.h"
#include "runtime/pages/extents.h"
#include "runtime/pages/region.h"
#include "runtime/pages/rhythm.h"
#include "runtime/pages/units.h"

namespace heapprof::pages {

// Free, backed granules on their way back to the kernel. Runs of long free spans are joined across units.
struct Batch {
  static constexpr std::uint32_t kMostRuns = 64;
  static constexpr std::uint32_t kMostGranules = (std::uint32_t{16} << 20) >> kGranuleShift;
  struct Run {
    Granule first;
    std::uint32_t granules;
  };
  Run runs[kMostRuns] = {};
  std::uint32_t count = 0;
  std::uint32_t granules = 0;

  bool hasRoom() const noexcept { return count < kMostRuns && granules < kMostGranules; }
};

// How far purging may go inside the units of slabs and medium spans.
enum class Reach : std::uint8_t {
  kSparing,  // dense units (nine tenths in use) are not broken for the little that is free in them
  kIdle,     // neither, where huge pages are formed; huge pages only when they are sparse (huge.h)
  kAll,      // all but what is free in a dense huge page
  kPressed,  // all there is: memory is short
};

// Zero when new, and what the smallest programs touch first: it lies behind all else that they write
// (everyday.ld).
struct Book {
  base::Mutex lock;
  std::uint64_t usedGranules = 0;
  std::uint64_t outGranules = 0;
  std::uint64_t freeBackedGranules = 0;
  std::uint64_t sparedGranules = 0;  // free and backed when purging by demand last found nothing it may take
  std::uint64_t purgedBytes = 0;
  std::uint64_t refaultedGranules = 0;
  std::uint64_t nowNanos = 0;              // of the last reading
  std::uint64_t calls = 0;                 // that took or gave granules
  std::uint64_t takes = 0, takesSeen = 0;  // calls that took granules; at the helper's last look
  std::uint32_t quietCalls = 0;
  Demand demand;
  UnitLists lists;
  Extents extents;
  Rhythm rhythm;
  Batch out;

  // The clock was read: takes down what is in use.
  void noteUse() noexcept {
    demand.note(nowNanos, usedGranules);
    rhythm.note(nowNanos, usedGranules);
  }

  struct Marked {
    bool zeroed, returning;  // as in Span
  };
  // Sets the used and backed bits.
  Marked markUsed(Granule first, std::uint32_t granules) noexcept;
  void markFree(Granule first, std::uint32_t granules) noexcept;
  // Not in use any longer, and in nobody's list: to the extents, or back to the list of its unit.
  void fileFree(Granule first, std::uint32_t granules) noexcept;

  // The first granules of a unit that is in no list and no extent hold memory now. Whoever asked for it used
  // what had been given back there.
  void fileBacked(std::uint32_t unit, std::uint32_t granules) noexcept;

  // Free, backed memory may lie up to here from now on.
  void raiseMarks(Granule last) noexcept;

  // Fills `out` with at most `most` free, backed granules: first long spans, then the units of slabs and
  // medium spans, the sparsest first; each time from the highest address down, because placement fills from
  // the lowest up. False: there was nothing.
  bool takeOut(std::uint64_t most, Reach reach) noexcept;
  // Back among what is free: run i not backed any longer where `discarded` says so. Returns the bytes given
  // back.
  std::uint64_t putBack(std::uint64_t discarded) noexcept;

 private:
  // What of it had been given back is in use again.
  void noteAgain(Unit& unit, Granule at, std::uint64_t bits) noexcept;
  void collect(bool placedUnits, unsigned mostUsed, unsigned mostUsedOfHuge, std::uint64_t most) noexcept;
  void takeRunOut(Granule first, std::uint32_t granules) noexcept;

  // No unit above it has free, backed granules; one for free extents, one for units that placement fills.
  std::uint32_t highestUnit_[2] = {};
};

}  // namespace heapprof::pages
