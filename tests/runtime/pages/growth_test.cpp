// Growth that is faulted by whole huge pages, by the kernel's own word where it can be had.
#include "runtime/pages/growth.h"

#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/pages/book.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"
#include "tests/runtime/pages/bit_counts.h"
#include "tests/runtime/pages/kernel_says.h"

namespace heapprof::pages {

extern constinit Book book;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint32_t kLeastUnits = kLeastGrownBytes >> kUnitShift;
constexpr std::uint32_t kSteepUnits = kSteepBytes >> kUnitShift;

// A clock that moves when told.
class GrowthTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_.setClock(base_, base_);
    restartForming();
    if (!kernelCollapses()) GTEST_SKIP() << "this kernel, as it is set, makes no huge pages of 2 MiB";
    formHugePages(true);  // learns that it may be done
    ASSERT_TRUE(formingIsOn());
    rest(1000);
  }
  void TearDown() override {
    for (const Granule granule : granules_) release(granule, 1);
    purge(0);
    base_ += 10'000 * kSecond;
  }
  void rest(std::uint64_t seconds) { fake_.advanceClock(seconds * kSecond); }
  // Nothing of it is touched by the test.
  std::vector<std::uint32_t> grow(std::uint32_t units, std::uint64_t nanosAUnit = kMillisecond) {
    std::vector<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < units * kUnitGranules; ++i) {
      Granule one = kNoGranule;
      EXPECT_EQ(allocateSmall(&one, 1), 1u);
      granules_.push_back(one);
      const std::uint32_t unit = one >> kUnitGranulesShift;
      if (seen.empty() || seen.back() != unit) seen.push_back(unit);
      if (i % kUnitGranules == kUnitGranules - 1) fake_.advanceClock(nanosAUnit);
    }
    return seen;
  }
  // Every second granule goes, and back to the kernel.
  void makeHoles() {
    std::vector<Granule> kept;
    for (std::size_t i = 0; i < granules_.size(); ++i) {
      if (i % 2 == 0) {
        kept.push_back(granules_[i]);
      } else {
        release(granules_[i], 1);
      }
    }
    granules_.swap(kept);
    purge(0);
    ASSERT_EQ(book.freeBackedGranules, 0u);
  }
  static std::uint32_t hugeOnes(const std::vector<std::uint32_t>& units) {
    std::uint32_t count = 0;
    for (const std::uint32_t unit : units) count += truthOf(unit).huge == kUnitBytes ? 1 : 0;
    return count;
  }

  os::Fake fake_;
  std::vector<Granule> granules_;
  static inline std::uint64_t base_ = 1'000'000 * kSecond;
};

TEST_F(GrowthTest, SteepGrowthOfALargeHeapIsFaultedHugeAtOnce) {
  const std::vector<std::uint32_t> first = grow(kLeastUnits);
  EXPECT_EQ(hugeOnes(first), 0u) << "a small heap stays on small pages";
  const HugeTotals before = hugeTotals();
  const std::vector<std::uint32_t> more = grow(20);
  EXPECT_GE(hugeOnes(more), 19u);
  EXPECT_GE(hugeTotals().formed, before.formed + 19);
  EXPECT_TRUE(isHuge(unitByNumber(more.back())));
  EXPECT_EQ(countBits().freeBacked, book.freeBackedGranules);
  EXPECT_EQ(countBits().used, book.usedGranules);
  for (std::size_t at = 0; at < kUnitBytes; at += 512)
    ASSERT_EQ(bytesOf(more.back() << kUnitGranulesShift)[at], 0);
}

TEST_F(GrowthTest, SlowGrowthIsNot) {
  grow(kLeastUnits);
  rest(1);
  const std::vector<std::uint32_t> units = grow(20, kGrowthWindowNanos);
  EXPECT_EQ(hugeOnes(units), 0u);
}

TEST_F(GrowthTest, WhatIsStillInMemoryIsUsedFirst) {
  grow(kLeastUnits + 20);
  for (std::size_t i = 0; i < 10 * kUnitGranules; ++i) {
    release(granules_.back(), 1);
    granules_.pop_back();
  }
  const std::uint64_t free = book.freeBackedGranules;
  ASSERT_GE(free, 8 * kUnitGranules);
  grow(8);
  EXPECT_LE(book.freeBackedGranules, free - 8 * kUnitGranules + kUnitGranules);
}

TEST_F(GrowthTest, AKernelThatGivesSmallPagesIsLeftAlone) {
  grow(kLeastUnits + kSteepUnits);
  const std::uint64_t before = hugeTotals().formed;
  // The advice is refused, and the region is NOHUGEPAGE.
  fake_.failNth(os::CallKind::kAdviseHuge, 1, 1000);
  const std::uint64_t advised = fake_.callsOf(os::CallKind::kAdviseHuge);
  const std::vector<std::uint32_t> units = grow(20);
  EXPECT_EQ(hugeOnes(units), 0u);
  EXPECT_EQ(hugeTotals().formed, before);
  EXPECT_LE(fake_.callsOf(os::CallKind::kAdviseHuge), advised + 2) << "asked once: on, and off again";
  EXPECT_EQ(countBits().freeBacked, book.freeBackedGranules);
  fake_.failNth(os::CallKind::kAdviseHuge, 0);
  fake_.advanceClock(2 * kSecond);
  grow(kSteepUnits + 1);
  EXPECT_GT(hugeTotals().formed, before) << "and tried again";
}

TEST_F(GrowthTest, HolesArePassedOverOnceAndFilledTheNextTime) {
  const std::vector<std::uint32_t> first = grow(kLeastUnits * 4);
  makeHoles();
  const auto inHoles = [&](const std::vector<std::uint32_t>& units) {
    std::uint32_t count = 0;
    for (const std::uint32_t unit : units) {
      for (const std::uint32_t old : first) count += unit == old ? 1 : 0;
    }
    return count;
  };
  rest(5);
  const std::vector<std::uint32_t> again = grow(30);
  // What comes before it is known to be steep fills holes: two a unit.
  EXPECT_LE(inHoles(again), 2 * kSteepUnits + 2);
  EXPECT_GE(hugeOnes(again), 24u);
  for (std::size_t i = 0; i < 30 * kUnitGranules; ++i) {
    release(granules_.back(), 1);
    granules_.pop_back();
  }
  purge(0);
  rest(5);
  const std::vector<std::uint32_t> third = grow(30);
  EXPECT_EQ(inHoles(third), third.size()) << "it comes and goes: the holes are worth keeping from now on";
  for (std::size_t i = 0; i < 30 * kUnitGranules; ++i) {
    release(granules_.back(), 1);
    granules_.pop_back();
  }
  purge(0);
  rest(kPassAgainNanos / kSecond + 1);
  EXPECT_LE(inHoles(grow(30)), 2 * kSteepUnits + 2);
}

TEST_F(GrowthTest, AUnitThatWasApartAtAForkIsFreeInTheChild) {
  grow(kLeastUnits + kSteepUnits + 1);
  const std::uint64_t free = book.extents.freeGranules();
  const std::uint64_t backed = book.freeBackedGranules;
  const Granule first = book.extents.take(kUnitGranules, kUnitGranules);
  ASSERT_NE(first, kNoGranule);
  const std::uint32_t number = first >> kUnitGranulesShift;
  ASSERT_TRUE(setApart(number));
  growthInChild();
  EXPECT_EQ(book.extents.freeGranules(), free);
  EXPECT_EQ(book.freeBackedGranules, backed + kUnitGranules) << "whoever made it huge may have touched it";
  EXPECT_EQ(countBits().freeBacked, book.freeBackedGranules);
}

}  // namespace
}  // namespace heapprof::pages
