#include "runtime/heap/slabs.h"

#include <atomic>
#include <barrier>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "tests/runtime/heap/accounts.h"

namespace heapprof::heap {
namespace {

using tests::accountsAreRight;
using tests::SlabCounts;

std::size_t anySize(base::Random& random) {
  const std::uint64_t dice = random.next() % 100;
  return random.next() % (dice < 70 ? 300 : dice < 90 ? 5000 : dice < 98 ? 100000 : 600000);
}

TEST(Slabs, AccountsAreRightThroughoutRandomOperations) {
  base::Random random(5);
  std::set<void*> live;
  std::vector<void*> order;
  for (int i = 0; i < 40000; ++i) {
    if (order.size() < 3000 ? random.next() % 5 < 3 : random.next() % 5 < 2) {
      void* p = hp_malloc(anySize(random));
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(live.insert(p).second) << "handed out twice";
      order.push_back(p);
    } else if (!order.empty()) {
      const std::size_t index = random.next() % order.size();
      hp_free(order[index]);
      live.erase(order[index]);
      order[index] = order.back();
      order.pop_back();
    }
    if (i % 2000 == 0) {
      SlabCounts counts;
      ASSERT_TRUE(accountsAreRight(live, &counts)) << "after " << i;
      ASSERT_EQ(counts.emptyUnnoticed, 0u);
      ASSERT_EQ(counts.liveObjects + counts.liveLarge, live.size());
    }
  }
  for (void* p : order) hp_free(p);
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
  parkOwn();
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.slabs, 0u) << "a parked heap keeps no empty slab";
}

// Frees half here and half elsewhere, in all mixtures: each slab must be given back by whoever brought the
// last object.
TEST(Slabs, WhoeverBringsTheLastObjectBackEndsTheSlab) {
  base::Random random(9);
  for (int round = 0; round < 60; ++round) {
    const std::size_t size = round % 3 == 0 ? 16 : round % 3 == 1 ? 200 : 3000;
    std::vector<void*> own, others;
    for (int i = 0; i < 3000; ++i)
      (random.next() % 60 < static_cast<unsigned>(round) ? others : own).push_back(hp_malloc(size));
    std::thread other([&] {
      for (void* p : others) hp_free(p);
    });
    if (round % 2 == 0) other.join();
    for (void* p : own) hp_free(p);
    if (round % 2 != 0) other.join();
    drainInbox(*heldHeap());
    SlabCounts counts;
    ASSERT_TRUE(accountsAreRight({}, &counts)) << "round " << round;
    ASSERT_EQ(counts.emptyUnnoticed, 0u) << "round " << round;
    ASSERT_EQ(counts.liveObjects, 0u);
    // What stays: one current slab a class, and one kept a class.
    ASSERT_LE(counts.slabs, 6u) << "round " << round;
  }
}

void restFromGleaning() {
  const std::uint64_t start = os::calls().monotonicNanos();
  while (os::calls().monotonicNanos() - start < 4'000) {
  }
}

// Each slab below is full but for fewer objects than it takes to be looked at (32): a class that did not
// glean would make 20 slabs more.
TEST(Slabs, WhatCameFreeInFullSlabsIsTakenBeforeNewSlabsAreMade) {
  constexpr std::size_t kBytes = 224;
  constexpr std::size_t kSlabs = 200, kFreed = 15;
  constexpr std::size_t capacity = kSizeClasses[classFor(kBytes)].largest().capacity;
  static_assert(kFreed < wakeAfter(capacity));
  std::map<Slab*, std::vector<void*>> bySlab;
  std::set<void*> live;
  for (std::size_t i = 0; i < kSlabs * capacity; ++i) {
    void* p = hp_malloc(kBytes);
    bySlab[findSlab(p)].push_back(p);
    live.insert(p);
  }
  for (auto& [slab, objects] : bySlab) {
    for (std::size_t i = 0; i < kFreed && i < objects.size(); ++i) {
      hp_free(objects[i * objects.size() / kFreed]);
      live.erase(objects[i * objects.size() / kFreed]);
    }
  }
  SlabCounts before;
  ASSERT_TRUE(accountsAreRight(live, &before));
  std::set<Slab*> refilled;
  for (std::size_t i = 0; i < (kSlabs - 1) * kFreed; ++i) {
    void* p = hp_malloc(kBytes);
    ASSERT_TRUE(live.insert(p).second) << "handed out twice";
    if (refilled.insert(findSlab(p)).second) restFromGleaning();
  }
  SlabCounts after;
  ASSERT_TRUE(accountsAreRight(live, &after));
  // While the slabs were filled, looking found nothing, so the next 4 needs of a slab may pass; without
  // gleaning it would be 21 slabs.
  EXPECT_LE(after.slabs, before.slabs + 1 + 4);
  EXPECT_EQ(after.emptyUnnoticed, 0u);
  for (void* p : live) hp_free(p);
}

TEST(Slabs, FreeFromOtherThreadReturnsToOwner) {
  std::set<void*> before;
  std::vector<void*> blocks;
  for (int i = 0; i < 2000; ++i) blocks.push_back(hp_malloc(64));
  before.insert(blocks.begin(), blocks.end());
  std::thread([&] {
    for (void* p : blocks) hp_free(p);
    // Never to the one who frees: its own next blocks lie elsewhere.
    for (int i = 0; i < 100; ++i) ASSERT_EQ(before.count(hp_malloc(64)), 0u);
  }).join();
  int back = 0;
  for (int i = 0; i < 2000; ++i) back += static_cast<int>(before.count(hp_malloc(64)));
  EXPECT_GT(back, 1900);
}

TEST(Slabs, ProducerAndConsumerStayWithinAFewSlabs) {
  constexpr int kBatch = 256;
  constexpr int kRounds = 3000;
  std::atomic<void**> handOver{nullptr};
  std::thread consumer([&] {
    for (int r = 0; r < kRounds; ++r) {
      void** batch = nullptr;
      while ((batch = handOver.exchange(nullptr)) == nullptr) std::this_thread::yield();
      for (int i = 0; i < kBatch; ++i) hp_free(batch[i]);
      hp_free(batch);
    }
  });
  for (int r = 0; r < kRounds; ++r) {
    auto** batch = static_cast<void**>(hp_malloc(kBatch * sizeof(void*)));
    for (int i = 0; i < kBatch; ++i) batch[i] = hp_malloc(64);
    void** expected = nullptr;
    while (!handOver.compare_exchange_weak(expected, batch)) {
      expected = nullptr;
      std::this_thread::yield();
    }
  }
  consumer.join();
  // 49 MiB went through; three batches were alive at once.
  EXPECT_LT(pages::totals().usedGranules * pages::kGranuleBytes, std::size_t{2} << 20);
}

TEST(Pool, ThreadsThatComeAndGoShareOneHeap) {
  hp_free(hp_malloc(1));
  const auto heaps = [] {
    std::size_t count = 0;
    for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) ++count;
    return count;
  };
  const std::size_t before = heaps();
  for (int i = 0; i < 200; ++i) {
    std::thread([] {
      for (std::size_t n = 1; n < 100000; n *= 3) hp_free(hp_malloc(n));
    }).join();
  }
  EXPECT_EQ(heaps(), before + 1);
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_LE(counts.slabs, 2u) << "parked heaps keep nothing";
}

TEST(Pool, DeadThreadsMemoryComesBackFromTheFreerAlone) {
  hp_free(hp_malloc(1));  // this thread has a heap of its own, so it does not adopt the dead one's
  std::vector<void*> blocks(20000);
  std::thread([&] {
    for (void*& p : blocks) p = hp_malloc(100);
  }).join();
  const std::uint64_t used = pages::totals().usedGranules;
  EXPECT_GT(used * pages::kGranuleBytes, std::size_t{2000000});
  for (void* p : blocks) hp_free(p);
  flushRemoteCache(*heldHeap());
  // Nobody allocated in between, nobody adopted the heap.
  EXPECT_LT(pages::totals().usedGranules, 4u);
}

TEST(Pool, AThreadThatOnlyFreesGivesItsCacheUpAtExit) {
  std::vector<void*> blocks(1000);
  for (void*& p : blocks) p = hp_malloc(48);
  std::thread([&] {
    for (void* p : blocks) hp_free(p);
  }).join();
  drainInbox(*heldHeap());
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
}

TEST(Pool, AThreadWhoseHeapWasTakenHasItBack) {
  constexpr int kThreads = 3;
  std::vector<Heap*> before(kThreads), after(kThreads);
  std::barrier step(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      hp_free(hp_malloc(100));
      before[t] = heldHeap();
      step.arrive_and_wait();
      // They leave them, and go on, one after the other: the heap left last is not always the own one.
      for (int turn = 0; turn < kThreads; ++turn) {
        if (turn == t) parkOwn();
        step.arrive_and_wait();
      }
      for (int turn = 0; turn < kThreads; ++turn) {
        if (turn == t) hp_free(hp_malloc(100));
        step.arrive_and_wait();
      }
      after[t] = heldHeap();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(after, before);
  EXPECT_NE(before[0], before[1]);
}

TEST(Pool, AThreadThatBeginsWithAFreeHasTheHeapOfThatBlock) {
  constexpr int kThreads = 3;
  std::vector<Heap*> left(kThreads), taken(kThreads);
  std::vector<void*> blocks(kThreads);
  std::barrier all(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      blocks[t] = hp_malloc(100);
      left[t] = heldHeap();
      all.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Whichever was parked last, its turn comes once.
  for (int t = 0; t < kThreads; ++t) {
    std::thread([&, t] {
      hp_free(blocks[t]);
      taken[t] = heldHeap();
    }).join();
  }
  EXPECT_EQ(taken, left);
  EXPECT_NE(left[0], left[1]);
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
}

thread_local struct LateUser {
  void* block = nullptr;
  ~LateUser() { hp_free(block); }
} lateUser;

pthread_key_t lateKey;
int lateRounds = 0;

TEST(Pool, DestructorsThatAllocateAfterOursLoseNothing) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer takes a thread for finished before its last destructors have run";
#endif
  ASSERT_EQ(pthread_key_create(&lateKey,
                               [](void* block) {
                                 hp_free(block);
                                 if (++lateRounds < 4) pthread_setspecific(lateKey, hp_malloc(500));
                               }),
            0);
  std::thread([] {
    lateUser.block = hp_malloc(100);
    pthread_setspecific(lateKey, hp_malloc(500));
  }).join();
  EXPECT_EQ(lateRounds, 4);
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
}

TEST(Slabs, RemoteStormKeepsTheAccounts) {
  constexpr int kThreads = 4;
  std::atomic<void*> mailbox[64] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(static_cast<std::uint64_t>(t) + 100);
      for (int i = 0; i < 60000; ++i) {
        const std::size_t size = 16 + random.next() % 2000;
        auto* mine = static_cast<unsigned char*>(hp_malloc(size));
        mine[0] = mine[size - 1] = static_cast<unsigned char>(i);
        hp_free(mailbox[random.next() % 64].exchange(mine));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& slot : mailbox) hp_free(slot.exchange(nullptr));
  flushRemoteCache(*acquire());
  SlabCounts counts;
  ASSERT_TRUE(accountsAreRight({}, &counts));
  EXPECT_EQ(counts.liveObjects, 0u);
  EXPECT_EQ(counts.emptyUnnoticed, 0u);
}

TEST(Calloc, IsZeroWhateverLayThereBefore) {
  base::Random random(31);
  std::vector<std::pair<unsigned char*, std::size_t>> live;
  for (int i = 0; i < 6000; ++i) {
    const std::size_t size = anySize(random);
    auto* p = static_cast<unsigned char*>(hp_calloc(size, 1));
    for (std::size_t k = 0; k < size; ++k) ASSERT_EQ(p[k], 0) << "byte " << k << " of " << size;
    std::memset(p, 0xab, size);
    live.emplace_back(p, size);
    if (live.size() > 100) {
      const std::size_t index = random.next() % live.size();
      hp_free(live[index].first);
      live[index] = live.back();
      live.pop_back();
    }
  }
}

TEST(FreeDeathTest, ASecondFreeOfASlabsLastObjectIsNamed) {
  EXPECT_EXIT(
      {
        void* p = hp_malloc(300000);
        hp_free(p);
        hp_free(p);
      },
      testing::KilledBySignal(SIGABRT), "double free");
}

TEST(FreeDeathTest, MoreFreesThanObjectsAreNoticed) {
  EXPECT_EXIT(
      {
        void* p = hp_malloc(1000);
        for (int i = 0; i < 70000; ++i) hp_free(p);
      },
      testing::KilledBySignal(SIGABRT), "double free");
}

}  // namespace
}  // namespace heapprof::heap
