// When what a unit's slabs do not need waits: learned from what came back, unlearned when nothing does.
#include "runtime/heap/trim_rhythm.h"

#include <gtest/gtest.h>

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 5000 * kSecond;

struct UnitOfSlabs {
  UnitOfSlabs() { unit.rhythm.awayMillis.store(0); }
  void trim(std::uint64_t now, std::uint32_t pages) { noteTrimmed(unit.rhythm, pages, now); }
  pages::Unit unit = {};
};

constexpr UnitLook kFull = {.slabs = 64, .untouched = 0, .pages = 512, .livePages = 500};
constexpr UnitLook kEmpty = {.slabs = 64, .untouched = 64, .pages = 512, .livePages = 50};

TEST(TrimRhythm, AUnitHasNoneUntilHalfOfWhatWasTrimmedIsUsedAgain) {
  UnitOfSlabs one;
  EXPECT_FALSE(hasRhythm(one.unit.rhythm));
  one.trim(kStart, 100);
  noteBack(one.unit, 49, kStart + 2 * kSecond);
  EXPECT_FALSE(hasRhythm(one.unit.rhythm));
  noteBack(one.unit, 1, kStart + 3 * kSecond);
  ASSERT_TRUE(hasRhythm(one.unit.rhythm));
  // From when it had emptied, half a second before it was trimmed.
  EXPECT_EQ(one.unit.rhythm.awayMillis.load(), 3500u);
}

TEST(TrimRhythm, OfWhatWentLittleByLittleTheFirstCounts) {
  UnitOfSlabs one;
  one.trim(kStart, 100);
  one.trim(kStart + 2 * kSecond, 50);
  noteBack(one.unit, 75, kStart + 3 * kSecond);
  EXPECT_EQ(one.unit.rhythm.awayMillis.load(), 3500u);
}

TEST(TrimRhythm, WhatIsUsedAgainWithoutHavingBeenTrimmedTeachesNothing) {
  UnitOfSlabs one;
  noteBack(one.unit, 1000, kStart);
  EXPECT_FALSE(hasRhythm(one.unit.rhythm));
}

TEST(TrimRhythm, WaitsForHalfAsLongAgainFromWhenItEmptied) {
  UnitOfSlabs one;
  one.trim(kStart, 100);
  noteBack(one.unit, 100, kStart + 1'500'000'000);
  const std::uint64_t emptied = kStart + 10 * kSecond;
  ASSERT_TRUE(hasMoved(one.unit.rhythm, kFull));
  beginWait(one.unit.rhythm, kEmpty, emptied);
  EXPECT_FALSE(hasMoved(one.unit.rhythm, kEmpty));
  EXPECT_TRUE(isAwaited(one.unit.rhythm, emptied + 3'250'000'000));
  EXPECT_FALSE(isAwaited(one.unit.rhythm, emptied + 3'251'000'000));
}

TEST(TrimRhythm, TheWaitBeginsAnewWhenTheUnitWasInUseInBetween) {
  UnitOfSlabs one;
  beginWait(one.unit.rhythm, kEmpty, kStart);
  UnitLook look = kEmpty;
  look.untouched = 31;  // bins were filled from more than half of its slabs
  EXPECT_TRUE(hasMoved(one.unit.rhythm, look));
  look.untouched = 32;
  EXPECT_FALSE(hasMoved(one.unit.rhythm, look));
  look.livePages = kEmpty.livePages + 140;  // fuller by more than a quarter
  EXPECT_TRUE(hasMoved(one.unit.rhythm, look));
}

TEST(TrimRhythm, WhatComesBackTooLateIsUnlearned) {
  UnitOfSlabs one;
  one.trim(kStart, 100);
  noteBack(one.unit, 100, kStart + kSecond);
  ASSERT_TRUE(hasRhythm(one.unit.rhythm));
  one.trim(kStart + 10 * kSecond, 100);
  noteBack(one.unit, 100, kStart + 10 * kSecond + std::uint64_t{pages::kLongestAwayMillis} * 1'000'000);
  EXPECT_FALSE(hasRhythm(one.unit.rhythm));
}

TEST(TrimRhythm, IsRightAcrossTheTurnOfTheMillisecondCounter) {
  const std::uint64_t turn = (std::uint64_t{1} << 32) * 1'000'000;
  UnitOfSlabs one;
  one.trim(turn - kSecond, 10);
  noteBack(one.unit, 10, turn + kSecond);
  EXPECT_EQ(one.unit.rhythm.awayMillis.load(), 2500u);
  beginWait(one.unit.rhythm, kEmpty, turn - kSecond);
  EXPECT_TRUE(isAwaited(one.unit.rhythm, turn + 2 * kSecond));
  EXPECT_FALSE(isAwaited(one.unit.rhythm, turn + 4 * kSecond));
}

}  // namespace
}  // namespace heapprof::heap
