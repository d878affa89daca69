// When the load comes back: for each level of use, when it was last reached, and how long it had been away
// the last time it came back.
//
//   use   ____      ____      ____            level l: away = the time between two visits.
//        |    |    |    |    |    |           After the next fall what lies below l is kept for half as long
//    l - |----|    |----|    |----|~~~~~~|    again. Nobody came: it goes, two periods after the last visit
//        |    |____|    |____|    |____________  at the latest.
//
// One return teaches, one that comes later than kLongest unlearns; until a level has come back once nothing
// is kept for it. So memory waits only where waiting has been seen to pay, level by level: a small load that
// comes and goes keeps nothing of a large one that has gone. Owner: Book, under the page lock.
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

// Turns over every 49 days: only differences say anything.
constexpr std::uint32_t millisOf(std::uint64_t nanos) noexcept {
  return static_cast<std::uint32_t>(nanos / 1'000'000);
}

// How long what has been away so long is waited for (a helper's round more, and a half), in milliseconds.
inline constexpr std::uint32_t kLongestAwayMillis = 150'000;
constexpr std::uint32_t waitedFor(std::uint32_t awayMillis) noexcept {
  return awayMillis + awayMillis / 2 + 250;
}

class Rhythm {
 public:
  void note(std::uint64_t nowNanos, std::uint64_t usedGranules) noexcept {
    const auto now = millisOf(nowNanos);
    const unsigned levels = levelsBelow(usedGranules);
    while (reached_ < levels) arrive(levels_[reached_++], now);
    while (reached_ > levels) levels_[--reached_].leftMillis = now | 1;
    if (reached_ > highest_) highest_ = reached_;
  }
  // What is in use and what is waited for, in granules; 0: nothing is waited for. A level that is overdue
  // gives its own memory back, whatever is still expected above it: the very top is reached now and then
  // only.
  std::uint64_t awaited(std::uint64_t nowNanos) const noexcept {
    const auto now = millisOf(nowNanos);
    std::uint64_t sum = 0;
    for (unsigned i = reached_; i < highest_; ++i) {
      const Level& level = levels_[i];
      if (level.awayMillis != 0 && now - level.leftMillis <= waitedFor(level.awayMillis))
        sum += boundOf(i + 1) - boundOf(i);
    }
    return sum == 0 ? 0 : boundOf(reached_) + sum;
  }

 private:
  struct Level {
    std::uint32_t leftMillis;  // 0: never reached
    std::uint32_t awayMillis;  // 0: has not come back, or too late
  };
  // From 4 MiB on, 16 levels an octave.
  static constexpr unsigned kFirstShift = 22 - kGranuleShift;
  static constexpr unsigned kLevels = 16 * 20;
  // What returns sooner was kept anyway, and says nothing of the load.
  static constexpr std::uint32_t kLeastAwayMillis = 250;

  static constexpr std::uint64_t boundOf(unsigned level) noexcept {
    return std::uint64_t{16 + level % 16} << (kFirstShift - 4 + level / 16);
  }
  // Levels whose bound is reached.
  static unsigned levelsBelow(std::uint64_t granules) noexcept {
    if (granules < boundOf(0)) return 0;
    const auto top = 63 - static_cast<unsigned>(__builtin_clzll(granules));
    const unsigned count = (top - kFirstShift) * 16 + static_cast<unsigned>(granules >> (top - 4) & 15) + 1;
    return count < kLevels ? count : kLevels;
  }
  static void arrive(Level& level, std::uint32_t now) noexcept {
    if (level.leftMillis == 0) return;
    const std::uint32_t away = now - level.leftMillis;
    if (away < kLeastAwayMillis) return;
    const std::uint32_t before = level.awayMillis - level.awayMillis / 4;
    level.awayMillis = away > kLongestAwayMillis ? 0 : away > before ? away : before;
  }

  Level levels_[kLevels] = {};
  unsigned reached_ = 0, highest_ = 0;
};

}  // namespace heapprof::pages
