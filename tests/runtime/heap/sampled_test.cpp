// The heap's side of sampling: who is sampled, and that every death is seen. (The law is tested in
// tests/runtime/sampling.)
#include <gtest/gtest.h>
#include <set>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/heap/accounts.h"

namespace heapprof::heap {
namespace {

struct Sampling {
  explicit Sampling(std::uint64_t interval) {
    sampling::initialise();
    sampling::setIntervalBytes(interval);
  }
  ~Sampling() { sampling::setIntervalBytes(0); }
};

std::set<std::uint64_t> liveAddresses() {
  std::set<std::uint64_t> all;
  settleSamples();
  sampling::forEachLive(
      [](void* context, const sampling::LiveRecord& record) {
        static_cast<std::set<std::uint64_t>*>(context)->insert(record.address);
      },
      &all);
  return all;
}

TEST(Sampled, EveryObjectIsRecordedAtIntervalOne) {
  const Sampling sampling(1);
  base::Random random(3);
  std::set<void*> live;
  for (int i = 0; i < 5000; ++i) {
    const std::size_t size = random.next() % (i % 50 == 0 ? 900000 : 3000);
    switch (i % 4) {
      case 0:
        live.insert(hp_malloc(size));
        break;
      case 1:
        live.insert(hp_calloc(1, size));
        break;
      case 2:
        live.insert(hp_new(size));
        break;
      default:
        live.insert(hp_aligned_alloc(64, size));
        break;
    }
    if (live.size() > 500) {
      hp_free(*live.begin());
      live.erase(live.begin());
    }
  }
  const std::set<std::uint64_t> recorded = liveAddresses();
  for (void* p : live) EXPECT_EQ(recorded.count(reinterpret_cast<std::uint64_t>(p)), 1u);
  EXPECT_EQ(recorded.size(), live.size());
  tests::SlabCounts counts;
  EXPECT_TRUE(tests::accountsAreRight(live, &counts));
  EXPECT_GT(counts.sampledSlabs, 0u);
  for (void* p : live) hp_free(p);
  EXPECT_TRUE(liveAddresses().empty());
  EXPECT_TRUE(tests::accountsAreRight({}, &counts));
  EXPECT_EQ(counts.sampledSlabs, 0u);
}

TEST(Sampled, DeathsOnOtherThreadsAreSeen) {
  const Sampling sampling(4096);
  std::vector<void*> blocks(30000);
  for (void*& p : blocks) p = hp_malloc(64);
  EXPECT_GT(liveAddresses().size(), 300u);
  std::thread([&] {
    for (void* p : blocks) hp_free(p);
  }).join();
  EXPECT_TRUE(liveAddresses().empty());
}

TEST(Sampled, SizesAndKindsAreThoseOfTheRequest) {
  const Sampling sampling(1);
  void* p = hp_calloc(10, 10);
  void* q = hp_aligned_alloc(4096, 5000);
  void* r = hp_new_array(77);
  void* s = hp_malloc(1000000);
  const auto find = [](void* address) {
    sampling::LiveRecord found = {};
    found.address = reinterpret_cast<std::uint64_t>(address);
    sampling::forEachLive(
        [](void* context, const sampling::LiveRecord& record) {
          auto* wanted = static_cast<sampling::LiveRecord*>(context);
          if (record.address == wanted->address) *wanted = record;
        },
        &found);
    return found;
  };
  EXPECT_EQ(find(p).requested, 100u);
  EXPECT_EQ(find(p).allocated, hp_malloc_usable_size(p));
  EXPECT_EQ(find(p).kind, sampling::Kind::kCalloc);
  EXPECT_EQ(find(q).alignment, 4096u);
  EXPECT_EQ(find(q).kind, sampling::Kind::kMemalign);
  EXPECT_EQ(find(r).kind, sampling::Kind::kNewArray);
  EXPECT_EQ(find(s).requested, 1000000u);
  EXPECT_EQ(find(s).allocated, hp_malloc_usable_size(s));
  EXPECT_EQ(hp_realloc(s, 990000), s);
  EXPECT_EQ(find(s).requested, 990000u);
  for (void* block : {p, q, r, s}) hp_free(block);
}

TEST(Sampled, ReallocMovesTheRecordWithTheBlock) {
  const Sampling sampling(1);
  void* p = hp_malloc(100);
  for (std::size_t size = 100; size < 3000000; size = size * 3 / 2) {
    p = hp_realloc(p, size);
    const std::set<std::uint64_t> live = liveAddresses();
    ASSERT_EQ(live.size(), 1u) << size;
    ASSERT_EQ(*live.begin(), reinterpret_cast<std::uint64_t>(p));
  }
  hp_free(p);
  EXPECT_TRUE(liveAddresses().empty());
}

TEST(Sampled, StoppingStopsAtTheNextRefillAndFreesStayKnown) {
  std::vector<void*> blocks(20000);
  {
    const Sampling sampling(1024);
    for (void*& p : blocks) p = hp_malloc(32);
  }
  const std::size_t sampled = liveAddresses().size();
  EXPECT_GT(sampled, 100u);
  std::vector<void*> more(20000);
  for (void*& p : more) p = hp_malloc(32);
  EXPECT_LE(liveAddresses().size(), sampled + 1);
  for (void* p : blocks) hp_free(p);
  EXPECT_LE(liveAddresses().size(), 1u);
  for (void* p : more) hp_free(p);
  EXPECT_TRUE(liveAddresses().empty());
}

// A gap that no 32 bits hold is counted down object by object, and no sample is due before its end.
TEST(Sampled, AGapBeyondFourBillionObjectsIsCountedDown) {
  const Sampling sampling(sampling::kLargestInterval);
  std::vector<void*> blocks = {hp_malloc(8)};  // draws at this interval
  Heap* heap = heldHeap();
  ASSERT_NE(heap, nullptr);
  const std::uint8_t c = classFor(8);
  const auto left = [&] {
    std::uint64_t inBin = 0;
    for (const void* at = heap->bins[c]; at != nullptr; at = nextObject(const_cast<void*>(at))) ++inBin;
    return heap->untilSample[c] + inBin;
  };
  constexpr std::uint64_t kGap = (std::uint64_t{1} << 33) + 1;
  heap->untilSample[c] = kGap;
  const std::uint64_t before = left();
  const std::size_t sampled = liveAddresses().size();
  for (int i = 0; i < 100'000; ++i) blocks.push_back(hp_malloc(8));
  EXPECT_EQ(left(), before - 100'000);
  EXPECT_EQ(liveAddresses().size(), sampled);
  std::thread([] { hp_free(hp_malloc(8)); }).join();
  EXPECT_EQ(left(), before - 100'000) << "another thread has its own";
  for (void* p : blocks) hp_free(p);
}

// What a bin gives back was not used: the gap goes on where the last object was handed out.
TEST(Sampled, AHeapGivenUpHalfUsedKeepsItsGap) {
  const Sampling sampling(1 << 20);
  hp_free(hp_malloc(48));
  Heap* heap = heldHeap();
  ASSERT_NE(heap, nullptr);
  const std::uint8_t c = classFor(48);
  releaseFreeMemory();
  for (std::uint64_t gap : {std::uint64_t{3}, std::uint64_t{40}, std::uint64_t{5000}}) {
    heap->untilSample[c] = gap;
    void* p = hp_malloc(48);
    releaseFreeMemory();
    EXPECT_EQ(heap->untilSample[c], gap - 1);
    hp_free(p);
    releaseFreeMemory();
    EXPECT_EQ(heap->untilSample[c], gap - 1);
  }
}

TEST(Sampled, StormOverThreadsLeavesNoRecordBehind) {
  const Sampling sampling(2048);
  std::atomic<void*> mailbox[64] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 20000; ++i) {
        void* mine = hp_malloc(random.next() % (random.next() % 20 == 0 ? 400000 : 1000));
        hp_free(mailbox[random.next() % 64].exchange(mine));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& slot : mailbox) hp_free(slot.exchange(nullptr));
  EXPECT_TRUE(liveAddresses().empty());
  tests::SlabCounts counts;
  EXPECT_TRUE(tests::accountsAreRight({}, &counts));
  EXPECT_EQ(counts.sampledSlabs, 0u);
}

}  // namespace
}  // namespace heapprof::heap
