// Trimming and huge pages: a unit's slabs are trimmed together or not at all, and a huge page is split
// before.
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/upkeep.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kBlock = 4096;  // a page each, so that live pages are live blocks

class TrimHuge : public testing::Test {
 protected:
  void SetUp() override {
    fake_.setClock(base_, base_);
    pages::restartForming();
    for (int i = 0; i < 12 * 512; ++i) {
      blocks_.push_back(static_cast<char*>(hp_malloc(kBlock)));
      std::memset(blocks_.back(), 7, kBlock);
    }
    parkOwn();
    for (int i = 0; i < 50; ++i) {
      fake_.advanceClock(kSecond / 10);
      pages::formHugePages(true);
    }
    if (pages::hugeUnits() == 0) GTEST_SKIP() << "this kernel, as it is set, forms no huge page of 2 MiB";
    before_ = pages::hugeTotals();
    ASSERT_GE(before_.nowHuge, 10u);
    fake_.advanceClock(60 * kSecond);
  }
  void TearDown() override {
    for (char* block : blocks_) hp_free(block);
    parkOwn();
    pages::purge(0);
    base_ += 1000 * kSecond;
  }
  // So many of a hundred stay, in every unit alike.
  void keep(std::size_t percent) {
    base::Random random(3);
    std::vector<char*> left;
    for (char* block : blocks_) {
      if (random.next() % 100 < percent) {
        left.push_back(block);
      } else {
        hp_free(block);
      }
    }
    blocks_ = left;
    parkOwn();
  }
  std::uint64_t broken() const { return pages::hugeTotals().broken - before_.broken; }
  void expectUnharmed() const {
    for (const char* block : blocks_) {
      for (std::size_t at = 0; at < kBlock; at += 64) ASSERT_EQ(block[at], 7);
    }
  }

  os::Fake fake_;
  std::vector<char*> blocks_;
  pages::HugeTotals before_ = {};
  static inline std::uint64_t base_ = 500'000 * kSecond;
};

TEST_F(TrimHuge, ADenseOneIsLeftWholeEvenWhenTheProgramAsks) {
  keep(96);
  trimEverything(false);
  trimEverything(true);
  EXPECT_EQ(broken(), 0u);
  EXPECT_EQ(fake_.callsOf(os::CallKind::kCold), 0u);
  expectUnharmed();
}

TEST_F(TrimHuge, BetweenDenseAndSparseItIsBrokenOnlyWhenTheProgramAsks) {
  keep(75);
  trimEverything(false);
  EXPECT_EQ(broken(), 0u);
  trimEverything(false);  // and not looked at again
  EXPECT_EQ(broken(), 0u);
  trimEverything(true);
  EXPECT_GE(broken(), before_.nowHuge - 1);
  expectUnharmed();
}

TEST_F(TrimHuge, ASparseOneIsSplitOnceAndThenTrimmed) {
  keep(40);
  EXPECT_GT(trimEverything(false), 0u);
  EXPECT_EQ(broken(), before_.nowHuge);
  EXPECT_EQ(fake_.callsOf(os::CallKind::kCold), broken());
  std::vector<unsigned char> resident(pages::kUnitBytes / os::pageBytes());
  std::size_t count = 0;
  const pages::Region& region = pages::regionAt(0);
  for (std::size_t at = 0; at < std::size_t{region.committed} << pages::kGranuleShift;
       at += pages::kUnitBytes) {
    ASSERT_EQ(mincore(reinterpret_cast<void*>(region.start + at), pages::kUnitBytes, resident.data()), 0);
    for (const unsigned char page : resident) count += page & 1;
  }
  pages::purge(0);
  EXPECT_LT(static_cast<double>(count), 1.15 * static_cast<double>(blocks_.size()) + 100);
  expectUnharmed();
}

TEST_F(TrimHuge, WhatWasSparedIsTrimmedWhenItsUnitEmptiesLater) {
  keep(75);
  trimEverything(false);
  EXPECT_EQ(broken(), 0u);
  keep(50);  // of these
  trimEverything(false);
  EXPECT_EQ(broken(), before_.nowHuge);
  expectUnharmed();
}

}  // namespace
}  // namespace heapprof::heap
