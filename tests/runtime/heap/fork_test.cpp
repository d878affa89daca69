// fork(): what is free goes back before it, is in memory neither here nor in the child, and costs no call
// where there is little or where nothing has changed.
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/slab_map.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "tests/runtime/heap/accounts.h"

namespace heapprof::heap {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Freed blocks, and what was live beside them.
class Fork : public testing::Test {
 protected:
  void SetUp() override {
    releaseFreeMemory();
    static std::uint64_t start = 0;  // the clock never goes back
    fake_.setClock(start += 1'000'000 * kSecond, 0);
    restAndFork();
  }
  void TearDown() override {
    for (const Block& block : live_) hp_free(block.start);
    releaseFreeMemory();
  }

  // Every other block of each size is freed again: to bins, lists and the page layer.
  void populate(const std::vector<std::size_t>& sizes, int each) {
    for (const std::size_t size : sizes) {
      for (int i = 0; i < each; ++i) {
        auto* start = static_cast<unsigned char*>(hp_malloc(size));
        ASSERT_NE(start, nullptr);
        std::memset(start, 7, size);
        (i % 2 == 0 ? live_ : freed_).push_back({start, size});
      }
    }
    for (const Block& block : freed_) hp_free(block.start);
  }
  void restAndFork() {
    fake_.advanceClock(kSecond);
    forkNow();
  }
  // What fork() calls.
  static void forkNow() {
    prepareFork();
    parentAfterFork();
  }
  std::uint64_t calls() const { return fake_.callsOf(os::CallKind::kDiscard); }

  struct Block {
    unsigned char* start;
    std::size_t size;
  };
  // Bytes in memory of the pages that lie wholly in freed blocks.
  std::size_t freedBytesInMemory() const {
    const std::size_t page = os::pageBytes();
    std::size_t bytes = 0;
    for (const Block& block : freed_) {
      const auto start = (reinterpret_cast<std::uintptr_t>(block.start) + page - 1) / page * page;
      const auto end = reinterpret_cast<std::uintptr_t>(block.start + block.size) / page * page;
      for (std::uintptr_t at = start; at < end; at += page) {
        unsigned char resident = 0;
        if (mincore(reinterpret_cast<void*>(at), page, &resident) == 0) bytes += (resident & 1) * page;
      }
    }
    return bytes;
  }
  bool liveIsWhole() const {
    for (const Block& block : live_) {
      for (std::size_t i = 0; i < block.size; ++i) {
        if (block.start[i] != 7) return false;
      }
    }
    return true;
  }

  os::Fake fake_;
  std::vector<Block> live_, freed_;
};

TEST_F(Fork, WhatIsFreeIsInMemoryNeitherHereNorInTheChild) {
  populate({9 << 10, 18 << 10, 100 << 10, 256 << 10, 1 << 20}, 16);
  const std::size_t before = freedBytesInMemory();
  const std::size_t pages = freed_.size() * os::pageBytes();
  ASSERT_GT(before, std::size_t{10} << 20);
  fake_.advanceClock(kSecond);
  const pid_t child = fork();
  if (child == 0) {
    bool good = freedBytesInMemory() <= pages && liveIsWhole();
    for (const Block& block : freed_) {  // and can be used again
      void* again = hp_malloc(block.size);
      if (again == nullptr) _exit(2);
      std::memset(again, 9, block.size);
    }
    good = good && liveIsWhole();
    for (const Block& block : live_) hp_free(block.start);
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_LE(freedBytesInMemory(), pages) << "of " << before << ": at most the first page of each block stays";
  EXPECT_TRUE(liveIsWhole());
  for (const Block& block : freed_) {
    void* again = hp_calloc(1, block.size);
    for (std::size_t i = 0; i < block.size; ++i) ASSERT_EQ(static_cast<unsigned char*>(again)[i], 0);
    hp_free(again);
  }
}

TEST_F(Fork, WhereNothingChangesItCostsNoCall) {
  populate({100 << 10, 1 << 20}, 16);
  restAndFork();
  EXPECT_GT(calls(), 0u);
  const std::uint64_t before = calls();
  for (int i = 0; i < 1000; ++i) restAndFork();
  EXPECT_EQ(calls(), before);
}

TEST_F(Fork, WhereLittleIsFreeItCostsNoCall) {
  std::vector<void*> blocks;
  for (int i = 0; i < 100'000; ++i) blocks.push_back(hp_malloc(100));
  releaseFreeMemory();
  hp_free(hp_malloc(100 << 10));
  const std::uint64_t before = calls();
  for (int i = 0; i < 1000; ++i) {
    for (int k = 0; k < 100; ++k) blocks.push_back(hp_malloc(100));
    restAndFork();
  }
  EXPECT_EQ(calls(), before);
  for (void* block : blocks) hp_free(block);
}

TEST_F(Fork, AProgramThatForksAllTheTimeGivesBackTenTimesASecondAtMost) {
  populate({100 << 10}, 200);
  restAndFork();
  const std::uint64_t before = calls();
  for (int i = 0; i < 1000; ++i) {
    void* block = hp_malloc(2 << 20);
    hp_free(block);
    fake_.advanceClock(kSecond / 1000);
    forkNow();
  }
  EXPECT_GT(calls(), before);
  EXPECT_LE(calls(), before + 10);
}

TEST_F(Fork, AListThatAProgramHasOverwrittenIsLeftAlone) {
  populate({100 << 10}, 64);
  void* const wild[] = {live_[0].start + 8, &fake_, reinterpret_cast<void*>(std::uintptr_t{1} << 62 | 8)};
  for (const Block& block : freed_) {
    for (void* link : wild) {
      void* words[2];
      std::memcpy(words, block.start, sizeof words);
      nextObject(block.start) = link;
      hp_free(hp_malloc(1 << 20));  // something changes
      restAndFork();
      std::memcpy(block.start, words, sizeof words);
    }
  }
  EXPECT_TRUE(liveIsWhole());
}

}  // namespace
}  // namespace heapprof::heap
