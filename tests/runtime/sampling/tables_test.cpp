// Stacks, sites and records, each beside a slow and obvious oracle.
#include <atomic>
#include <cmath>
#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <sys/time.h>
#include <thread>
#include <vector>

#include "runtime/sampling/arena.h"
#include "runtime/sampling/record_table.h"
#include "runtime/sampling/site_table.h"
#include "runtime/sampling/stack_table.h"

namespace heapprof::sampling {
namespace {

std::vector<std::uintptr_t> framesFor(std::uint64_t seed) {
  base::Random random(seed);
  std::vector<std::uintptr_t> frames(1 + random.next() % 40);
  for (auto& frame : frames) frame = 0x400000 + random.next() % 50;
  return frames;
}

Arena arena;

const Stack* intern(StackTable& table, const std::vector<std::uintptr_t>& frames,
                    const char* failure = nullptr) {
  return table.intern(arena, frames.data(), static_cast<std::uint32_t>(frames.size()), failure);
}

TEST(Arena, BlocksAreDisjointAndZero) {
  std::map<std::uintptr_t, std::size_t> blocks;
  base::Random random(1);
  for (int i = 0; i < 5000; ++i) {
    const std::size_t bytes = 1 + random.next() % (i % 100 == 0 ? Arena::kChunkBytes : 2000);
    auto* block = static_cast<unsigned char*>(arena.allocate(bytes));
    ASSERT_NE(block, nullptr);
    for (std::size_t b = 0; b < bytes; ++b) ASSERT_EQ(block[b], 0);
    std::fill(block, block + bytes, static_cast<unsigned char>(0xff));
    blocks[reinterpret_cast<std::uintptr_t>(block)] = bytes;
  }
  std::uintptr_t end = 0;
  for (const auto& [start, bytes] : blocks) {
    ASSERT_GE(start, end);
    end = start + bytes;
  }
  EXPECT_EQ(arena.allocate(Arena::kChunkBytes + 1), nullptr);
}

TEST(Stacks, EqualFramesAreOneNode) {
  static StackTable table;
  std::map<std::vector<std::uintptr_t>, const Stack*> oracle;
  for (std::uint64_t i = 0; i < 30'000; ++i) {
    const auto frames = framesFor(i % 10'000);
    const Stack* stack = intern(table, frames);
    ASSERT_EQ(std::vector<std::uintptr_t>(stack->frames, stack->frames + stack->count), frames);
    ASSERT_EQ(oracle.emplace(frames, stack).first->second, stack);
  }
  EXPECT_EQ(table.size(), oracle.size());
}

TEST(Stacks, AFailureIsPartOfTheIdentity) {
  static StackTable table;
  const std::vector<std::uintptr_t> frames = {1, 2, 3};
  const Stack* whole = intern(table, frames);
  const Stack* failed = intern(table, frames, "[unwind failed: test]");
  EXPECT_NE(whole, failed);
  EXPECT_EQ(intern(table, frames), whole);
  EXPECT_STREQ(failed->failure, "[unwind failed: test]");
  EXPECT_NE(intern(table, {}), intern(table, {0}));
}

TEST(Stacks, ThreadsThatInternTheSameAgree) {
  static StackTable table;
  constexpr std::uint64_t kStacks = 3000;
  constexpr int kThreads = 4;
  std::vector<std::vector<const Stack*>> seen(kThreads, std::vector<const Stack*>(kStacks));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &seen] {
      for (std::uint64_t i = 0; i < kStacks; ++i) {
        const std::uint64_t which = t % 2 == 0 ? i : kStacks - 1 - i;
        seen[static_cast<std::size_t>(t)][which] = intern(table, framesFor(which));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(seen[static_cast<std::size_t>(t)], seen[0]);
  EXPECT_EQ(table.size(), std::set<const Stack*>(seen[0].begin(), seen[0].end()).size());
}

// ---- sites

struct OracleSite {
  std::uint64_t allocations = 0, frees = 0, live = 0;
  double allocObjects = 0, allocBytes = 0, varianceAlloc = 0;
  double liveObjects = 0, liveBytes = 0, liveRequested = 0, varianceLive = 0;
  double peakBytes = 0, ownPeak = 0;
  std::map<int, std::uint32_t> lifetime;
};

// Keeps every site's figure at every new peak: the slow way round.
struct Oracle {
  std::map<SiteNode*, OracleSite> sites;
  double total = 0, peak = 0;

  void add(SiteNode* key, const SampledObject& object, double sign) {
    const double size = static_cast<double>(key->allocatedSize());
    const double p = -std::expm1(-size / static_cast<double>(object.interval));
    OracleSite& site = sites[key];
    site.liveObjects += sign / p;
    site.liveBytes += sign * size / p;
    site.liveRequested += sign * static_cast<double>(object.requested) / p;
    site.varianceLive += sign * size * size * (1 - p) / (p * p);
    total += sign * size / p;
    if (sign < 0) return;
    site.allocObjects += 1 / p;
    site.allocBytes += size / p;
    site.varianceAlloc += size * size * (1 - p) / (p * p);
    site.ownPeak = std::max(site.ownPeak, site.liveBytes);
    if (total > peak) {
      peak = total;
      for (auto& entry : sites) entry.second.peakBytes = entry.second.liveBytes;
    }
  }
};

void expectClose(double actual, double expected, const char* what) {
  EXPECT_NEAR(actual, expected, 1e-9 * (std::abs(expected) + 1e6)) << what;
}

std::map<std::uint64_t, Site> allSites(const SiteTable& table,
                                       std::map<std::uint64_t, std::vector<std::uint32_t>>* lifetimes) {
  struct Context {
    std::map<std::uint64_t, Site> sites;
    std::map<std::uint64_t, std::vector<std::uint32_t>>* lifetimes;
  } context{{}, lifetimes};
  table.forEach(
      [](void* raw, const Site& site) {
        auto& all = *static_cast<Context*>(raw);
        EXPECT_TRUE(all.sites.emplace(site.id, site).second) << "a site was visited twice";
        (*all.lifetimes)[site.id].assign(site.lifetime, site.lifetime + kLifetimeBuckets);
      },
      &context);
  return context.sites;
}

TEST(Sites, SumsPeaksAndLifetimesAgreeWithTheOracle) {
  static StackTable stacks;
  static SiteTable table;
  Oracle oracle;
  base::Random random(11);
  struct Live {
    SiteNode* site;
    SampledObject object;
    std::uint64_t born;
  };
  std::vector<Live> live;
  std::uint64_t now = 1;
  for (int step = 0; step < 60'000; ++step) {
    now += random.next() % 100'000;
    // Growing and shrinking phases, so that peaks come and go.
    const bool grow = live.empty() || random.next() % 100 < (step / 7000 % 2 == 0 ? 60u : 40u);
    if (grow) {
      const std::uint64_t size = std::uint64_t{8} << (random.next() % 18);
      SiteNode* site = table.find(arena, intern(stacks, framesFor(random.next() % 40)), size,
                                  random.next() % 2 == 0 ? Kind::kMalloc : Kind::kNew, 16384);
      const SampledObject object{size - random.next() % 8, std::uint64_t{4096} << (random.next() % 8)};
      table.born(*site, object, now);
      oracle.add(site, object, 1);
      ++oracle.sites[site].allocations;
      ++oracle.sites[site].live;
      live.push_back({site, object, now});
      continue;
    }
    std::swap(live[random.next() % live.size()], live.back());
    const Live dead = live.back();
    live.pop_back();
    const auto why = static_cast<Departure>(random.next() % 3);
    table.gone(*dead.site, dead.object, why, now - dead.born);
    oracle.add(dead.site, dead.object, -1);
    OracleSite& site = oracle.sites[dead.site];
    --site.live;
    if (why != Departure::kThinned) ++site.frees;
    if (why == Departure::kDied) {
      ++site.lifetime[std::min(static_cast<int>(std::floor(std::log2(static_cast<double>(now - dead.born)))),
                               47)];
    }
  }
  std::map<std::uint64_t, std::vector<std::uint32_t>> lifetimes;
  const auto sites = allSites(table, &lifetimes);
  ASSERT_EQ(sites.size(), oracle.sites.size());
  EXPECT_EQ(table.size(), sites.size());
  for (const auto& [node, expected] : oracle.sites) {
    const Site& site = sites.at(node->id);
    EXPECT_EQ(site.rawAllocations, expected.allocations);
    EXPECT_EQ(site.rawFrees, expected.frees);
    EXPECT_EQ(site.rawLive, expected.live);
    expectClose(site.allocObjects, expected.allocObjects, "allocObjects");
    expectClose(site.allocBytes, expected.allocBytes, "allocBytes");
    expectClose(site.varianceAlloc, expected.varianceAlloc, "varianceAlloc");
    expectClose(site.liveObjects, expected.liveObjects, "liveObjects");
    expectClose(site.liveBytes, expected.liveBytes, "liveBytes");
    expectClose(site.liveRequested, expected.liveRequested, "liveRequested");
    expectClose(site.varianceLive, expected.varianceLive, "varianceLive");
    expectClose(site.peakBytes, expected.peakBytes, "peakBytes");
    expectClose(site.ownPeakBytes, expected.ownPeak, "ownPeakBytes");
    for (int bucket = 0; bucket < 48; ++bucket) {
      const auto found = expected.lifetime.find(bucket);
      EXPECT_EQ(lifetimes[node->id][static_cast<std::size_t>(bucket)],
                found == expected.lifetime.end() ? 0 : found->second);
    }
  }
  expectClose(table.peakBytes(), oracle.peak, "heap peak");
  expectClose(table.liveBytes(), oracle.total, "heap live");
}

TEST(Sites, NothingLiveIsExactlyZero) {
  static StackTable stacks;
  static SiteTable table;
  SiteNode* site = table.find(arena, intern(stacks, {1}), 48, Kind::kMalloc, 4096);
  for (int i = 0; i < 1000; ++i)
    table.born(*site, {41, std::uint64_t{4099} + static_cast<std::uint64_t>(i)}, 1);
  for (int i = 999; i >= 0; --i) {
    table.gone(*site, {41, std::uint64_t{4099} + static_cast<std::uint64_t>(i)}, Departure::kDied, 5);
  }
  std::map<std::uint64_t, std::vector<std::uint32_t>> lifetimes;
  const Site seen = allSites(table, &lifetimes).at(site->id);
  EXPECT_EQ(seen.liveBytes, 0);
  EXPECT_EQ(seen.liveObjects, 0);
  EXPECT_EQ(seen.liveRequested, 0);
  EXPECT_EQ(seen.varianceLive, 0);
  EXPECT_EQ(seen.rawLive, 0u);
}

TEST(Sites, ResetForgetsTheCumulativeAndKeepsTheLive) {
  static StackTable stacks;
  static SiteTable table;
  SiteNode* site = table.find(arena, intern(stacks, {1}), 64, Kind::kMalloc, 4096);
  SiteNode* other = table.find(arena, intern(stacks, {2}), 64, Kind::kMalloc, 4096);
  for (int i = 0; i < 10; ++i) table.born(*site, {64, 1}, 1);
  table.born(*other, {64, 1}, 2);
  for (int i = 0; i < 7; ++i) table.gone(*site, {64, 1}, Departure::kDied, 5);
  table.resetCumulative(99);
  std::map<std::uint64_t, std::vector<std::uint32_t>> lifetimes;
  Site seen = allSites(table, &lifetimes).at(site->id);
  EXPECT_EQ(seen.rawAllocations, 0u);
  EXPECT_EQ(seen.rawFrees, 0u);
  EXPECT_EQ(seen.allocBytes, 0);
  EXPECT_EQ(seen.liveBytes, 3 * 64);
  EXPECT_EQ(seen.rawLive, 3u);
  EXPECT_EQ(seen.ownPeakBytes, 3 * 64);
  EXPECT_EQ(seen.peakBytes, 3 * 64);
  EXPECT_EQ(table.peakBytes(), 4 * 64);
  EXPECT_EQ(table.peakNanos(), 99u);
  EXPECT_EQ(lifetimes.at(site->id)[2], 0u);
  // What was the peak stays the peak while the heap shrinks.
  table.gone(*site, {64, 1}, Departure::kDied, 5);
  seen = allSites(table, &lifetimes).at(site->id);
  EXPECT_EQ(seen.peakBytes, 3 * 64);
  EXPECT_EQ(seen.liveBytes, 2 * 64);
}

// A handler's samples come in the middle of others of its thread and site.
TEST(Sites, HandlersLoseNothing) {
  static StackTable stacks;
  static SiteTable table;
  static SiteNode* const site = table.find(arena, intern(stacks, framesFor(1)), 48, Kind::kMalloc, 4096);
  static std::atomic<std::uint64_t> handled;
  const auto oneOfEach = [] {
    for (const std::uint64_t interval : {4096, 8192}) {
      table.born(*site, {40, interval}, 1);
      table.gone(*site, {40, interval}, Departure::kDied, 5);
    }
  };
  static const auto again = oneOfEach;
  signal(SIGALRM, [](int) {
    again();
    handled.fetch_add(1);
  });
  const itimerval every{{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &every, nullptr);
  std::uint64_t rounds = 0;
  while (handled.load() < 2000) {
    oneOfEach();
    ++rounds;
  }
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  const std::uint64_t all = 2 * (rounds + handled.load());
  std::map<std::uint64_t, std::vector<std::uint32_t>> lifetimes;
  const Site seen = allSites(table, &lifetimes).at(site->id);
  EXPECT_EQ(seen.rawAllocations, all);
  EXPECT_EQ(seen.rawFrees, all);
  EXPECT_EQ(lifetimes.at(site->id)[2], all);
  EXPECT_EQ(seen.rawLive, 0u);
  EXPECT_EQ(seen.liveRequested, 0);
  EXPECT_EQ(table.liveBytes(), 0);
}

TEST(Sites, ThreadsLoseNothing) {
  static StackTable stacks;
  static SiteTable table;
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      base::Random random(static_cast<std::uint64_t>(t));
      for (int i = 0; i < kRounds; ++i) {
        const std::uint64_t size = 16 * (1 + random.next() % 4);
        SiteNode* site =
            table.find(arena, intern(stacks, framesFor(random.next() % 8)), size, Kind::kMalloc, 4096);
        table.born(*site, {size, 1}, 1);
        if (i % 2 == 0) table.gone(*site, {size, 1}, Departure::kDied, 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::map<std::uint64_t, std::vector<std::uint32_t>> lifetimes;
  std::uint64_t allocations = 0, frees = 0, live = 0;
  double liveObjects = 0, allocBytes = 0, liveBytes = 0;
  for (const auto& [id, site] : allSites(table, &lifetimes)) {
    allocations += site.rawAllocations;
    frees += site.rawFrees;
    live += site.rawLive;
    liveObjects += site.liveObjects;
    allocBytes += site.allocBytes;
    liveBytes += site.liveBytes;
    EXPECT_EQ(site.allocBytes, static_cast<double>(site.rawAllocations * site.allocatedSize));
    EXPECT_EQ(site.liveBytes, static_cast<double>(site.rawLive * site.allocatedSize));
  }
  EXPECT_EQ(allocations, std::uint64_t{kThreads} * kRounds);
  EXPECT_EQ(frees, std::uint64_t{kThreads} * kRounds / 2);
  EXPECT_EQ(live, allocations - frees);
  EXPECT_EQ(liveObjects, static_cast<double>(live));
  EXPECT_EQ(table.liveBytes(), liveBytes);
  EXPECT_LT(liveBytes, allocBytes);
}

// ---- records

TEST(Records, IdsAreUniqueUntilGivenBack) {
  static RecordTable table;
  std::set<RecordId> taken;
  base::Random random(5);
  std::vector<RecordId> order;
  for (int i = 0; i < 50'000; ++i) {
    if (order.empty() || random.next() % 5 < 3) {
      const RecordId id = table.take();
      ASSERT_NE(id, 0u);
      ASSERT_TRUE(taken.insert(id).second);
      order.push_back(id);
    } else {
      std::swap(order[random.next() % order.size()], order.back());
      taken.erase(order.back());
      table.give(order.back());
      order.pop_back();
    }
  }
  EXPECT_LE(table.end(), 50'000u * 3 / 5);
}

// Writers keep all fields of a record equal to one number; a reader must never see two numbers in one record.
TEST(Records, ReadersNeverSeeHalfARecord) {
  static RecordTable table;
  static SiteNode sites[1];
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int t = 0; t < 3; ++t) {
    writers.emplace_back([t, &stop] {
      base::Random random(static_cast<std::uint64_t>(t) + 100);
      std::vector<RecordId> mine;
      while (!stop.load()) {
        if (mine.size() < 20) {
          const std::uint64_t v = random.next();
          const RecordId id = table.take();
          table.write(id, {v, v, v, v, v, &sites[0], static_cast<std::uint32_t>(v), Kind::kNew,
                           static_cast<std::uint8_t>(v)});
          mine.push_back(id);
        } else {
          const std::uint64_t v = random.next();
          table.write(mine[v % 20], {v, v, v, v, v, &sites[0], static_cast<std::uint32_t>(v), Kind::kNew,
                                     static_cast<std::uint8_t>(v)});
          if (v % 3 == 0) {
            table.give(mine.back());
            mine.pop_back();
          }
        }
      }
    });
  }
  std::uint64_t read = 0;
  while (read < 200'000) {
    for (RecordId id = 1; id < table.end(); ++id) {
      RecordFields fields;
      if (!table.read(id, &fields)) continue;
      ++read;
      const std::uint64_t v = fields.address;
      ASSERT_EQ(fields.requested, v);
      ASSERT_EQ(fields.allocated, v);
      ASSERT_EQ(fields.interval, v);
      ASSERT_EQ(fields.bornNanos, v);
      ASSERT_EQ(fields.threadId, static_cast<std::uint32_t>(v));
      ASSERT_EQ(fields.alignmentLog2, static_cast<std::uint8_t>(v));
      ASSERT_EQ(fields.site, &sites[0]);
    }
  }
  stop.store(true);
  for (auto& writer : writers) writer.join();
}

TEST(Records, ThreadsNeverShareASlot) {
  static RecordTable table;
  constexpr int kThreads = 4;
  static std::atomic<int> owner[100'000];
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &clashes] {
      std::vector<RecordId> mine;
      base::Random random(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 30'000; ++i) {
        if (mine.size() < 50 && random.next() % 2 == 0) {
          const RecordId id = table.take();
          if (owner[id].exchange(t + 1) != 0) clashes.fetch_add(1);
          mine.push_back(id);
        } else if (!mine.empty()) {
          if (owner[mine.back()].exchange(0) != t + 1) clashes.fetch_add(1);
          table.give(mine.back());
          mine.pop_back();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clashes.load(), 0);
  EXPECT_LE(table.end(), 400u) << "slots given back must be used again";
}

}  // namespace
}  // namespace heapprof::sampling
