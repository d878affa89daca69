// Trimming: pages without a live object go, everything else stays as it was, and the books with it.
#include "runtime/heap/trim.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/trim_own.h"
#include "runtime/heap/upkeep.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/growth.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/heap/accounts.h"
#include "tests/runtime/pages/kernel_says.h"

namespace heapprof::heap {
namespace {

using tests::accountsAreRight;
using tests::SlabCounts;

class Population {
 public:
  explicit Population(std::uint64_t seed) : random_(seed) {}
  ~Population() {
    for (const auto& [block, size] : blocks_) hp_free(block);
  }
  void grow(std::size_t count, std::size_t largest) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t octave = std::size_t{8} << random_.next() % 15;
      const std::size_t size = octave < largest ? octave + random_.next() % octave : largest;
      const bool zero = random_.next() % 4 == 0;
      auto* block = static_cast<unsigned char*>(zero ? hp_calloc(1, size) : hp_malloc(size));
      ASSERT_NE(block, nullptr);
      for (std::size_t at = 0; zero && at < size; ++at) ASSERT_EQ(block[at], 0) << size;
      std::memset(block, static_cast<int>(size % 251 + 1), size);
      ASSERT_TRUE(blocks_.emplace(block, size).second) << "handed out twice";
    }
  }
  void shrink(std::size_t survivorsPercent) {
    for (auto at = blocks_.begin(); at != blocks_.end();) {
      if (random_.next() % 100 < survivorsPercent) {
        ++at;
        continue;
      }
      hp_free(at->first);
      at = blocks_.erase(at);
    }
  }
  void expectUnharmed() const {
    for (const auto& [block, size] : blocks_) {
      const auto* bytes = static_cast<const unsigned char*>(block);
      for (std::size_t at = 0; at < size; ++at)
        ASSERT_EQ(bytes[at], size % 251 + 1) << "at " << at << " of " << size;
    }
  }
  std::set<void*> addresses() const {
    std::set<void*> all;
    for (const auto& [block, size] : blocks_) all.insert(block);
    return all;
  }
  // 4 KiB pages that hold a byte of a block.
  std::size_t livePages() const {
    std::set<std::uintptr_t> pages;
    for (const auto& [block, size] : blocks_) {
      const auto start = reinterpret_cast<std::uintptr_t>(block);
      for (std::uintptr_t page = start / 4096; page <= (start + size - 1) / 4096; ++page) pages.insert(page);
    }
    return pages.size();
  }

 private:
  base::Random random_;
  std::map<void*, std::size_t> blocks_;
};

// Resident pages of the heap.
std::size_t residentPages() {
  std::size_t count = 0;
  for (std::size_t r = 0; r < pages::regionCount(); ++r) {
    const pages::Region& region = pages::regionAt(r);
    const std::size_t bytes = std::size_t{region.committed} << pages::kGranuleShift;
    std::vector<unsigned char> pages(bytes / os::pageBytes());
    if (bytes == 0 || mincore(reinterpret_cast<void*>(region.start), bytes, pages.data()) != 0) continue;
    for (const unsigned char page : pages) count += page & 1;
  }
  return count;
}

class Trim : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    sampling::initialise();
    sampling::setIntervalBytes(GetParam());
  }
  void TearDown() override { sampling::setIntervalBytes(0); }
};
INSTANTIATE_TEST_SUITE_P(Interval, Trim, testing::Values(0, 1, 4096),
                         [](const auto& row) { return "Sample" + std::to_string(row.param); });

TEST_P(Trim, KeepsContentAndAccountsAcrossManyPhases) {
  Population population(GetParam() + 3);
  for (int phase = 0; phase < 6; ++phase) {
    population.grow(6000, 100000);
    population.shrink(phase % 3 == 0 ? 10 : phase % 3 == 1 ? 50 : 2);
    releaseFreeMemory();
    SlabCounts counts;
    ASSERT_TRUE(accountsAreRight(population.addresses(), &counts)) << "phase " << phase;
    EXPECT_EQ(counts.emptyUnnoticed, 0u);
    EXPECT_GT(counts.trimmed, 0u);
    population.expectUnharmed();
    // Some are taken again, some come back, without a full round.
    population.grow(500, 20000);
    population.shrink(70);
    ASSERT_TRUE(accountsAreRight(population.addresses(), &counts)) << "phase " << phase;
    population.expectUnharmed();
  }
}

// As KeepsContentAndAccountsAcrossManyPhases, by the thread that runs, when it is asked.
TEST_P(Trim, AThreadThatIsAskedTrimsItsOwnSlabsWhileItGoesOn) {
  releaseFreeMemory();
  const std::size_t base = residentPages();
  Population population(GetParam() + 4);
  for (int phase = 0; phase < 4; ++phase) {
    population.grow(6000, 60000);
    population.shrink(10);
    askHoldersToTrim();
    for (int steps = 0; heldHeap()->trimWanted && steps < 100; ++steps) population.grow(20, 60000);
    EXPECT_FALSE(heldHeap()->trimWanted);
    pages::purge(0);  // slabs that ended
    const auto resident = static_cast<double>(residentPages() - base);
    EXPECT_LT(resident, 1.25 * static_cast<double>(population.livePages()));
    SlabCounts counts;
    ASSERT_TRUE(accountsAreRight(population.addresses(), &counts)) << "phase " << phase;
    EXPECT_GT(counts.trimmed, 0u);
    population.expectUnharmed();
    population.grow(500, 20000);
    population.shrink(70);
    ASSERT_TRUE(accountsAreRight(population.addresses())) << "phase " << phase;
  }
}

TEST_P(Trim, RecordsOfTheDeadAreForgottenAndThoseOfTheLivingKept) {
  settleSamples();
  const std::uint64_t before = sampling::statistics().liveRecords;
  {
    Population population(77);
    population.grow(3000, 50000);
    population.shrink(10);
    releaseFreeMemory();
    settleSamples();
    const std::uint64_t live = sampling::statistics().liveRecords - before;
    if (GetParam() == 1) {
      EXPECT_EQ(live, population.addresses().size());
    }
  }
  settleSamples();
  EXPECT_EQ(sampling::statistics().liveRecords, before);
}

TEST(Trimming, LeavesLittleMoreThanThePagesOfLiveObjects) {
  releaseFreeMemory();
  const std::size_t base = residentPages();
  Population population(5);
  population.grow(20000, 30000);
  population.shrink(10);
  EXPECT_GT(residentPages() - base, 4 * population.livePages());
  releaseFreeMemory();
  EXPECT_LT(static_cast<double>(residentPages() - base), 1.1 * static_cast<double>(population.livePages()));
}

// Between two rounds the owner may have counted what came back: the slab is worth another look all the same.
TEST(Trimming, SlabsThatEmptyAfterALookAreLookedAtAgain) {
  releaseFreeMemory();
  const std::size_t base = residentPages();
  Population population(9);
  population.grow(20000, 30000);
  population.shrink(80);
  releaseFreeMemory();
  population.shrink(12);
  releaseFreeMemory();
  EXPECT_LT(static_cast<double>(residentPages() - base), 1.1 * static_cast<double>(population.livePages()));
}

// The last object of a slab of these ends before the last page does.
TEST(Trimming, ASlabsLastPageGoesAsTheOthersDo) {
  constexpr std::size_t kSize = 3000, kCount = 2100;  // whole slabs, of 10 or 21 objects
  std::vector<void*> blocks(kCount);
  for (void*& block : blocks) {
    block = hp_malloc(kSize);
    ASSERT_NE(block, nullptr);
    std::memset(block, 1, kSize);
  }
  for (void* block : blocks) {
    // One object stays in each granule, its first.
    if (reinterpret_cast<std::uintptr_t>(block) % pages::kGranuleBytes >= kSize) hp_free(block);
  }
  releaseFreeMemory();
  std::size_t survivors = 0, resident = 0;
  for (void* block : blocks) {
    if (reinterpret_cast<std::uintptr_t>(block) % pages::kGranuleBytes >= kSize) continue;
    ++survivors;
    unsigned char pages[pages::kGranuleBytes / 4096];
    ASSERT_EQ(mincore(block, pages::kGranuleBytes, pages), 0);
    for (const unsigned char page : pages) resident += page & 1;
    hp_free(block);
  }
  EXPECT_GE(survivors, kCount / (pages::kGranuleBytes / kSize));
  EXPECT_EQ(resident, survivors);
}

bool canPopulate() {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE
  const std::size_t page = os::pageBytes();
  void* probe = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char resident = 0;
  const bool can = probe != MAP_FAILED && madvise(probe, page, kPopulateWrite) == 0 &&
                   mincore(probe, page, &resident) == 0 && (resident & 1) != 0;
  if (probe != MAP_FAILED) munmap(probe, page);
  return can;
}

// A medium block of memory that had been given back is resident when it is handed out; one of memory that was
// never used is not.
TEST(Trimming, WhatComesBackWholeIsFaultedAtOnce) {
  constexpr std::size_t kBytes = 24 << 10;
  if (!canPopulate()) GTEST_SKIP() << "no MADV_POPULATE_WRITE here (Linux 5.14; qemu-user ignores it)";
  std::vector<char*> blocks(200);
  const std::size_t base = residentPages();
  for (char*& block : blocks) block = static_cast<char*>(hp_malloc(kBytes));
  EXPECT_LT(residentPages() - base, blocks.size());
  for (char* block : blocks) std::memset(block, 1, kBytes);
  for (char* block : blocks) hp_free(block);
  hp_malloc_trim(0);
  EXPECT_LT(residentPages() - base, blocks.size());
  for (char*& block : blocks) block = static_cast<char*>(hp_malloc(kBytes));
  EXPECT_GE(residentPages() - base, blocks.size() * kBytes / os::pageBytes() * 9 / 10);
  for (char* block : blocks) {
    EXPECT_EQ(block[0], 0);
    EXPECT_EQ(block[kBytes - 1], 0);
    hp_free(block);
  }
}

// Slabs of which only pages are free that were given back: a steep growth goes to fresh memory, the next one
// soon after fills them.
TEST(Trimming, WhatIsGoneIsPassedOverBySteepGrowthOnce) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  os::Fake fake;
  fake.setClock(1000 * kSecond, 1000 * kSecond);  // stands still while the heap grows
  pages::formHugePages(true);
  if (!pages::formingIsOn() || !pages::kernelCollapses()) GTEST_SKIP() << "no huge pages of 2 MiB here";
  const std::size_t bytes = os::pageBytes();
  const std::size_t all = pages::kLeastGrownBytes / bytes * 5 / 4;
  constexpr std::size_t kLivesOn = 8;
  std::set<void*> live;
  std::vector<void*> blocks;
  const auto grow = [&](std::size_t count) {
    blocks.clear();
    std::size_t where[2] = {};  // in granules where something lives, and in others
    std::set<std::uintptr_t> old;
    for (void* each : live) old.insert(reinterpret_cast<std::uintptr_t>(each) / pages::kGranuleBytes);
    for (std::size_t i = 0; i < count; ++i) {
      blocks.push_back(hp_malloc(bytes));
      const auto granule = reinterpret_cast<std::uintptr_t>(blocks.back()) / pages::kGranuleBytes;
      ++where[old.contains(granule) ? 0 : 1];
    }
    return std::pair(where[0], where[1]);
  };
  const auto fall = [&](std::size_t livesOn) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (livesOn != 0 && i % livesOn == 0) {
        live.insert(blocks[i]);
      } else {
        hp_free(blocks[i]);
      }
    }
    releaseFreeMemory();
    fake.advanceClock(5 * kSecond);
    SlabCounts counts;
    EXPECT_TRUE(accountsAreRight(live, &counts));
    return counts;
  };
  grow(all);
  EXPECT_GT(fall(kLivesOn).hollow, 0u);
  const auto second = grow(all / 2);
  EXPECT_LE(second.first, 2 * pages::kSteepBytes / bytes) << "before it was known to be steep";
  EXPECT_GT(fall(0).hollow, 0u);
  const auto third = grow(all / 2);
  EXPECT_EQ(third.second, 0u) << "there was room for all of it";
  fall(0);
  for (void* each : live) hp_free(each);
}

TEST(Trimming, ARefusedAdviceLosesNothing) {
  os::Fake fake;
  fake.failNth(os::CallKind::kDiscard, 1, ~std::uint64_t{0} / 2);
  Population population(6);
  for (int phase = 0; phase < 3; ++phase) {
    population.grow(5000, 60000);
    population.shrink(10);
    releaseFreeMemory();
    ASSERT_TRUE(accountsAreRight(population.addresses()));
    population.expectUnharmed();
  }
  EXPECT_GT(fake.failures(), 0u);
}

TEST(Trimming, ASecondRoundFindsNothing) {
  Population population(8);
  population.grow(5000, 60000);
  population.shrink(10);
  parkOwn();
  EXPECT_GT(trimEverything(true), 0u);
  EXPECT_EQ(trimEverything(true), 0u);
}

TEST(Trimming, ThreadsMayHaveTheirHeapsBackAtAnyTime) {
  std::atomic<bool> stop{false};
  std::thread trimmer([&] {
    while (!stop) trimEverything(true);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([t] {
      for (int round = 0; round < 8; ++round) {
        std::thread([&] {
          Population population(static_cast<std::uint64_t>(t * 100 + round));
          population.grow(1500, 40000);
          population.shrink(20);
          parkOwn();
          population.grow(300, 40000);
          population.expectUnharmed();
          parkOwn();
        }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  trimmer.join();
  SlabCounts counts;
  parkOwn();
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
}

}  // namespace
}  // namespace heapprof::heap
