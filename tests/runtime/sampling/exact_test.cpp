// sample=1 is exact to the byte: counts and bytes of everything hp_malloc and its relatives hand out, against
// an oracle that writes down each call.
#include <array>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/samples.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/sampling/law_harness.h"

namespace heapprof::sampling::tests {
namespace {

struct Object {
  std::uint64_t requested, allocated, alignment;
  Kind kind;
};

using SiteKey = std::pair<std::uint64_t, Kind>;  // allocated size and kind; stacks are another test's matter

struct Sums {
  std::uint64_t allocations = 0, frees = 0, live = 0;
  double allocBytes = 0, liveBytes = 0, liveRequested = 0;
  auto fields() const { return std::tie(allocations, frees, live, allocBytes, liveBytes, liveRequested); }
  bool operator==(const Sums& other) const { return fields() == other.fields(); }
};
void PrintTo(const Sums& s, std::ostream* out) {
  *out << s.allocations << " allocated, " << s.frees << " freed, " << s.live << " live; bytes "
       << s.allocBytes << ", " << s.liveBytes << ", requested " << s.liveRequested;
}

class Oracle {
 public:
  void born(void* p, std::uint64_t requested, Kind kind, std::uint64_t alignment = 0) {
    const std::lock_guard guard(lock_);
    add(p, {requested, hp_malloc_usable_size(p), alignment, kind});
  }
  // Before the call that frees.
  void dies(void* p) {
    const std::lock_guard guard(lock_);
    remove(p);
  }
  // realloc: in place within a class only the request changes; in place to another size it is a free and an
  // allocation of the same kind; a move is a free and an allocation by realloc.
  void resized(void* before, const Object& old, void* after, std::uint64_t requested) {
    const std::lock_guard guard(lock_);
    const std::uint64_t allocated = hp_malloc_usable_size(after);
    if (after == before && allocated == old.allocated) {
      sums_[{old.allocated, old.kind}].liveRequested +=
          static_cast<double>(requested) - static_cast<double>(old.requested);
      objects_[after] = {requested, allocated, old.alignment, old.kind};
      return;
    }
    const bool inPlace = after == before;
    retire(old);
    add(after, {requested, allocated, inPlace ? old.alignment : 0, inPlace ? old.kind : Kind::kRealloc});
  }
  Object take(void* p) {
    const std::lock_guard guard(lock_);
    const Object object = objects_.at(p);
    objects_.erase(p);
    return object;
  }
  const std::map<void*, Object>& objects() const { return objects_; }
  const std::map<SiteKey, Sums>& sums() const { return sums_; }

 private:
  void add(void* p, const Object& object) {
    ASSERT_TRUE(objects_.emplace(p, object).second) << "an address was handed out twice";
    Sums& sum = sums_[{object.allocated, object.kind}];
    ++sum.allocations;
    ++sum.live;
    sum.allocBytes += static_cast<double>(object.allocated);
    sum.liveBytes += static_cast<double>(object.allocated);
    sum.liveRequested += static_cast<double>(object.requested);
  }
  void remove(void* p) {
    const auto found = objects_.find(p);
    ASSERT_NE(found, objects_.end());
    retire(found->second);
    objects_.erase(found);
  }
  void retire(const Object& object) {
    Sums& sum = sums_[{object.allocated, object.kind}];
    ++sum.frees;
    --sum.live;
    sum.liveBytes -= static_cast<double>(object.allocated);
    sum.liveRequested -= static_cast<double>(object.requested);
  }

  std::mutex lock_;
  std::map<void*, Object> objects_;
  std::map<SiteKey, Sums> sums_;
};

std::map<SiteKey, Sums> recordedSums() {
  std::map<SiteKey, Sums> all;
  heap::settleSamples();
  forEachSite(
      [](void* context, const Site& site) {
        Sums& sum = (*static_cast<std::map<SiteKey, Sums>*>(context))[{site.allocatedSize, site.kind}];
        sum.allocations += site.rawAllocations;
        sum.frees += site.rawFrees;
        sum.live += site.rawLive;
        sum.allocBytes += site.allocBytes;
        sum.liveBytes += site.liveBytes;
        sum.liveRequested += site.liveRequested;
        EXPECT_EQ(site.allocObjects, static_cast<double>(site.rawAllocations));
        EXPECT_EQ(site.liveObjects, static_cast<double>(site.rawLive));
        EXPECT_EQ(site.varianceLive, 0);
        EXPECT_EQ(site.varianceAlloc, 0);
      },
      &all);
  return all;
}

void expectSame(const Oracle& oracle) {
  const std::map<SiteKey, Sums> recorded = recordedSums();
  for (const auto& [key, sums] : oracle.sums()) {
    const auto found = recorded.find(key);
    ASSERT_NE(found, recorded.end()) << key.first << " bytes, kind " << static_cast<int>(key.second);
    ASSERT_EQ(found->second, sums) << key.first << " bytes, kind " << static_cast<int>(key.second);
  }
  for (const auto& [key, sums] : recorded) {
    if (oracle.sums().count(key) == 0) {
      ASSERT_EQ(sums, Sums()) << key.first << " bytes: never asked for";
    }
  }
  std::map<void*, Object> left = oracle.objects();
  forEachLive(
      [](void* context, const LiveRecord& record) {
        auto& expected = *static_cast<std::map<void*, Object>*>(context);
        const auto found = expected.find(reinterpret_cast<void*>(record.address));
        ASSERT_NE(found, expected.end()) << "a record without an object";
        EXPECT_EQ(record.requested, found->second.requested);
        EXPECT_EQ(record.allocated, found->second.allocated);
        EXPECT_EQ(record.alignment, found->second.alignment);
        EXPECT_EQ(record.kind, found->second.kind);
        EXPECT_EQ(record.interval, 1u);
        expected.erase(found);
      },
      &left);
  EXPECT_TRUE(left.empty()) << left.size() << " objects without a record";
}

std::size_t randomSize(base::Random& random) {
  const std::size_t limits[] = {64, 1024, 8192, 300'000, 3'000'000};
  const std::size_t pick = random.next() % 100;
  return random.next() % limits[pick < 50 ? 0 : pick < 80 ? 1 : pick < 95 ? 2 : pick < 99 ? 3 : 4];
}

void* allocateOne(base::Random& random, Oracle& oracle) {
  const std::size_t size = randomSize(random);
  void* p = nullptr;
  switch (random.next() % 6) {
    case 0:
      p = hp_calloc(1, size);
      oracle.born(p, size, Kind::kCalloc);
      break;
    case 1: {
      const std::size_t alignment = std::size_t{16} << (random.next() % 9);
      p = hp_aligned_alloc(alignment, size);
      oracle.born(p, size, Kind::kMemalign, alignment);
      break;
    }
    case 2:
      p = hp_new(size);
      oracle.born(p, size, Kind::kNew);
      break;
    case 3:
      p = hp_new_array(size);
      oracle.born(p, size, Kind::kNewArray);
      break;
    default:
      p = hp_malloc(size);
      oracle.born(p, size, Kind::kMalloc);
      break;
  }
  return p;
}

class Worker {
 public:
  Worker(std::uint64_t seed, Oracle* oracle) : random_(seed), oracle_(*oracle) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const std::uint64_t pick = random_.next() % 100;
      if (mine_.size() < 50 || pick < 45) {
        mine_.push_back(allocateOne(random_, oracle_));
      } else if (pick < 60) {
        resize(random_.next() % mine_.size());
      } else {
        release(random_.next() % mine_.size());
      }
    }
  }
  std::vector<void*> handOver() { return std::exchange(mine_, {}); }
  void adopt(const std::vector<void*>& objects) { mine_.insert(mine_.end(), objects.begin(), objects.end()); }
  void releaseAll() {
    while (!mine_.empty()) release(mine_.size() - 1);
  }

 private:
  void resize(std::size_t at) {
    void* before = mine_[at];
    std::size_t size = randomSize(random_);
    if (size == 0) size = 1;  // realloc(p, 0) frees
    // Out of the oracle first: once the old block is free another thread may be given its address.
    const Object old = oracle_.take(before);
    mine_[at] = hp_realloc(before, size);
    oracle_.resized(before, old, mine_[at], size);
  }
  void release(std::size_t at) {
    std::swap(mine_[at], mine_.back());
    oracle_.dies(mine_.back());
    hp_free(mine_.back());
    mine_.pop_back();
  }

  base::Random random_;
  Oracle& oracle_;
  std::vector<void*> mine_;
};

TEST(Exact, OneThreadToTheByte) {
  initialise();
  setIntervalBytes(1);
  resetCumulative();  // another case may have run in this process
  Oracle oracle;
  Worker worker(1, &oracle);
  for (int round = 0; round < 10; ++round) {
    worker.run(3000);
    expectSame(oracle);
  }
  worker.releaseAll();
  expectSame(oracle);
  EXPECT_EQ(statistics().liveRecords, 0u);
  EXPECT_EQ(statistics().lostRecords, 0u);
}

TEST(Exact, ThreadsThatFreeEachOthersObjectsToTheByte) {
  initialise();
  setIntervalBytes(1);
  resetCumulative();  // another case may have run in this process
  Oracle oracle;
  constexpr std::size_t kThreads = 4;
  std::vector<Worker> workers;
  for (std::size_t t = 0; t < kThreads; ++t) workers.emplace_back(100 + t, &oracle);
  for (int round = 0; round < 6; ++round) {
    // New threads each round: heaps are given up and adopted.
    std::vector<std::thread> threads;
    for (Worker& worker : workers) threads.emplace_back([&worker] { worker.run(2000); });
    for (auto& thread : threads) thread.join();
    expectSame(oracle);
    std::vector<void*> first = workers[0].handOver();
    for (std::size_t t = 0; t + 1 < kThreads; ++t) workers[t].adopt(workers[t + 1].handOver());
    workers[kThreads - 1].adopt(first);
  }
  std::vector<std::thread> threads;
  for (Worker& worker : workers) threads.emplace_back([&worker] { worker.releaseAll(); });
  for (auto& thread : threads) thread.join();
  expectSame(oracle);
  EXPECT_EQ(statistics().liveRecords, 0u);
}

}  // namespace
}  // namespace heapprof::sampling::tests

int main(int argc, char** argv) {
  return heapprof::sampling::tests::lawMain(argc, argv);
}
