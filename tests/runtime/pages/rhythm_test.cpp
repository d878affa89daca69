// When the load comes back: what is kept for it, level by level, and when that ends.
#include "runtime/pages/rhythm.h"

#include <gtest/gtest.h>

namespace heapprof::pages {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 5000 * kSecond;
constexpr std::uint64_t kHigh = (std::uint64_t{256} << 20) >> kGranuleShift;
constexpr std::uint64_t kLow = kHigh / 10;

class Load {
 public:
  void be(std::uint64_t granules, std::uint64_t millis) {
    for (std::uint64_t i = 0; i < millis; i += 50) {
      rhythm.note(now, granules);
      now += 50'000'000;
    }
  }
  std::uint64_t awaited() const { return rhythm.awaited(now); }
  Rhythm rhythm;
  std::uint64_t now = kStart;
};

TEST(Rhythm, NothingIsKeptForALoadThatHasNotComeBackOnce) {
  Load load;
  load.be(kLow, 3000);
  load.be(kHigh, 3000);
  load.be(kLow, 100);
  EXPECT_EQ(load.awaited(), 0u);
}

TEST(Rhythm, WhatCameBackOnceIsKeptForHalfAsLongAgainAndNoLonger) {
  for (const std::uint64_t away : {1000u, 5000u, 60000u, 120000u}) {
    Load load;
    load.be(kHigh, 1000);
    load.be(kLow, away);
    load.be(kHigh, 1000);
    load.be(kLow, away * 5 / 4);
    EXPECT_GE(load.awaited(), kHigh) << away;
    EXPECT_LE(load.awaited(), kHigh + kHigh / 16) << away;
    load.be(kLow, away * 3 / 4);  // two periods of a load that is away for half of each: 2 * away have passed
    EXPECT_EQ(load.awaited(), 0u) << away;
  }
}

TEST(Rhythm, ASmallLoadThatComesAndGoesKeepsNothingOfALargeOneThatHasGone) {
  Load load;
  load.be(kHigh, 2000);
  for (int i = 0; i < 6; ++i) {
    load.be(kLow, 5000);
    load.be(2 * kLow, 5000);
  }
  load.be(kLow, 1000);
  EXPECT_GE(load.awaited(), 2 * kLow);
  EXPECT_LE(load.awaited(), 2 * kLow + 2 * kLow / 16);
}

TEST(Rhythm, AReturnThatComesTooLateUnlearns) {
  Load load;
  for (int i = 0; i < 3; ++i) {
    load.be(kHigh, 2000);
    load.be(kLow, 2000);
  }
  EXPECT_GE(load.awaited(), kHigh);
  load.now += 3600 * kSecond;
  load.be(kHigh, 2000);
  load.be(kLow, 500);
  EXPECT_EQ(load.awaited(), 0u);
}

TEST(Rhythm, ABriefDipTeachesNothing) {
  Load load;
  load.be(kHigh, 2000);
  load.be(kLow, 150);
  load.be(kHigh, 2000);
  load.be(kLow, 100);
  EXPECT_EQ(load.awaited(), 0u);
}

// A load that swings by a wave is away longer from its highest levels than from the middle ones.
TEST(Rhythm, EachLevelHasItsOwn) {
  Load load;
  for (int i = 0; i < 4; ++i) {
    load.be(kLow, 4000);
    load.be(kHigh / 2, 4000);
    load.be(kHigh, 4000);
    load.be(kHigh / 2, 4000);
  }
  load.be(kLow, 4000 * 3 / 2 + 500);  // the middle is 2 s late, the top was away for 12 s
  EXPECT_GE(load.awaited(), kHigh / 2);
  EXPECT_LE(load.awaited(), kHigh * 3 / 4);
  load.be(kLow, 12000);
  EXPECT_EQ(load.awaited(), 0u);
}

}  // namespace
}  // namespace heapprof::pages
