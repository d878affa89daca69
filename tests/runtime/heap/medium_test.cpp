// The bins of medium classes: last in, first out; they shrink when load falls; they keep the sampler's count
// and the slabs' accounts.
#include <barrier>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/inspect.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/heap/accounts.h"

namespace heapprof::heap {
namespace {

constexpr std::size_t kBytes = 10 * 1024;

std::uint64_t inBin(std::uint8_t c) {
  std::uint64_t count = 0;
  for (const void* at = heldHeap()->bins[c]; at != nullptr; at = nextObject(const_cast<void*>(at))) ++count;
  return count;
}

TEST(Medium, WhatWasFreedLastIsHandedOutFirst) {
  hp_free(hp_malloc(kBytes));
  for (int i = 0; i < 10; ++i) {
    void* p = hp_malloc(kBytes);
    hp_free(p);
    void* again = hp_malloc(kBytes);
    EXPECT_EQ(again, p);
    hp_free(again);
  }
}

TEST(Medium, ABinGrowsWithItsClassAndShrinksWhenLoadFalls) {
  base::Random random(3);
  const std::uint8_t c = classFor(kBytes);
  std::vector<void*> blocks;
  for (int i = 0; i < 400; ++i) blocks.push_back(hp_malloc(kBytes));
  for (int round = 0; round < 300; ++round) {
    const std::size_t few = 1 + random.next() % 40;
    for (std::size_t i = 0; i < few; ++i) {
      std::swap(blocks[random.next() % blocks.size()], blocks.back());
      hp_free(blocks.back());
      blocks.pop_back();
    }
    while (blocks.size() < 400) blocks.push_back(hp_malloc(kBytes));
    ASSERT_LE(inBin(c), kMostSpares);
    ASSERT_TRUE(tests::accountsAreRight({blocks.begin(), blocks.end()})) << "round " << round;
  }
  EXPECT_GT(heldHeap()->installed[c], 8) << "a class of 400 objects out keeps more than a few";
  for (void* p : blocks) hp_free(p);
  EXPECT_LE(inBin(c), 2u);
  EXPECT_TRUE(tests::accountsAreRight({}));
}

TEST(Medium, AFreedObjectCountsOnceAsFreedAndOnceAsHandedOutAgain) {
  const std::uint8_t c = classFor(kBytes);
  releaseFreeMemory();
  std::vector<void*> blocks;
  for (int i = 0; i < 50; ++i) blocks.push_back(hp_malloc(kBytes));
  releaseFreeMemory();
  const Heap& heap = *heldHeap();
  const std::uint64_t allocated = heap.allocated[c];
  const std::uint64_t freed = heap.freed[c];
  for (int i = 0; i < 100; ++i) {
    hp_free(blocks[0]);
    blocks[0] = hp_malloc(kBytes);
  }
  for (void* p : blocks) hp_free(p);
  releaseFreeMemory();
  EXPECT_EQ(heap.allocated[c], allocated + 100);
  EXPECT_EQ(heap.freed[c], freed + 150);
  EXPECT_EQ(heap.allocated[c], heap.freed[c]);
}

// Whatever way an object takes, each that is handed out is one of the gap's.
TEST(Medium, TheSampleComesAfterExactlyItsGap) {
  const std::uint64_t before = sampling::intervalBytes();
  sampling::setIntervalBytes(std::uint64_t{1} << 40);
  base::Random random(11);
  const std::uint8_t c = classFor(kBytes);
  releaseFreeMemory();
  std::vector<void*> blocks;
  for (int i = 0; i < 60; ++i) blocks.push_back(hp_malloc(kBytes));
  for (const std::uint64_t gap :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{17}, std::uint64_t{400}}) {
    releaseFreeMemory();
    Heap& heap = *heldHeap();
    heap.untilSample[c] = gap;
    for (std::uint64_t handedOut = 0; handedOut < gap; ++handedOut) {
      if (random.next() % 3 != 0) {
        hp_free(blocks.back());
        blocks.pop_back();
      }
      if (random.next() % 50 == 0) releaseFreeMemory();
      if (blocks.empty()) blocks.push_back(nullptr);
      ASSERT_EQ(heap.untilSample[c], gap - handedOut);
      blocks.push_back(hp_malloc(kBytes));
      Slab* slab = findSlab(blocks.back());
      ASSERT_FALSE(mayBeSampled(slab, blocks.back())) << handedOut << " of " << gap;
    }
    void* sample = hp_malloc(kBytes);
    EXPECT_TRUE(mayBeSampled(findSlab(sample), sample)) << "after " << gap;
    EXPECT_GT(heap.untilSample[c], 1000u) << "drawn anew";
    hp_free(sample);
  }
  for (void* p : blocks) hp_free(p);
  sampling::setIntervalBytes(before);
}

TEST(Medium, ASampleThatIsFreedIntoTheBinIsForgotten) {
  const std::uint64_t before = sampling::intervalBytes();
  releaseFreeMemory();
  sampling::setIntervalBytes(std::uint64_t{1} << 40);
  const std::uint8_t c = classFor(kBytes);
  void* other = hp_malloc(kBytes);
  heldHeap()->untilSample[c] = 0;
  void* p = hp_malloc(kBytes);
  ASSERT_TRUE(mayBeSampled(findSlab(p), p));
  hp_free(p);
  EXPECT_EQ(heldHeap()->bins[c], p);
  EXPECT_FALSE(mayBeSampled(findSlab(p), p));
  hp_free(other);
  sampling::setIntervalBytes(before);
}

TEST(Medium, DumpsSeeWhatABinHolds) {
  const std::uint8_t c = classFor(kBytes);
  releaseFreeMemory();
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(hp_malloc(kBytes));
  for (int i = 0; i < 20; ++i) hp_free(hp_malloc(kBytes));
  ASSERT_GT(inBin(c), 0u);
  std::uint64_t cached = 0;
  forEachExtent(
      [](void* sum, const Extent& extent) {
        if (extent.sizeClass == classFor(kBytes)) *static_cast<std::uint64_t*>(sum) += extent.cached;
      },
      &cached);
  EXPECT_EQ(cached, inBin(c));
  for (void* p : blocks) hp_free(p);
}

TEST(Medium, FromTheFifthHeapOnAClasssFirstSlabIsItsSmallest) {
  constexpr std::ptrdiff_t kThreads = 8;
  constexpr std::size_t kOften = 30 * 1024;
  std::barrier together(kThreads);
  std::size_t small = 0;
  std::vector<std::thread> threads;
  std::mutex lock;
  for (std::ptrdiff_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      void* block = hp_malloc(kOften);
      const Slab& slab = *firstOf(findSlab(block));
      const SizeClass& row = kSizeClasses[slab.sizeClass];
      const bool late = heldHeap()->number > 4;
      EXPECT_EQ(slab.capacity, late ? row.smallest().capacity : row.largest().capacity);
      {
        const std::lock_guard guard(lock);
        small += late ? 1 : 0;
      }
      together.arrive_and_wait();
      hp_free(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(small, 3u);
}

TEST(MediumDeathTest, TwoFreesInARowAreNamed) {
  EXPECT_EXIT(
      {
        hp_free(hp_malloc(kBytes));
        void* p = hp_malloc(kBytes);
        hp_free(p);
        hp_free(p);
      },
      testing::KilledBySignal(SIGABRT), "double free");
}

}  // namespace
}  // namespace heapprof::heap
