#include "runtime/pages/pages.h"

#include <cstring>
#include <errno.h>
#include <gtest/gtest.h>
#include <map>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/os/fake.h"
#include "runtime/pages/demand.h"
#include "tests/runtime/pages/bit_counts.h"

namespace heapprof::pages {
namespace {

// What is handed out, by the obvious means.
class Oracle {
 public:
  void take(Granule first, std::uint32_t granules) {
    const auto after = spans_.lower_bound(first);
    if (after != spans_.end()) {
      ASSERT_LE(first + granules, after->first);
    }
    if (after != spans_.begin()) {
      ASSERT_LE(std::prev(after)->first + std::prev(after)->second, first);
    }
    spans_[first] = granules;
    used_ += granules;
  }
  void give(Granule first) {
    used_ -= spans_.at(first);
    spans_.erase(first);
  }
  std::pair<Granule, std::uint32_t> any(base::Random& random) const {
    auto at = spans_.begin();
    std::advance(at, static_cast<long>(random.next() % spans_.size()));
    return *at;
  }
  const std::map<Granule, std::uint32_t>& spans() const { return spans_; }
  std::uint64_t used() const { return used_; }
  bool empty() const { return spans_.empty(); }

 private:
  std::map<Granule, std::uint32_t> spans_;
  std::uint64_t used_ = 0;
};

void expectBitsAgree(const Oracle& oracle, std::uint64_t usedBefore) {
  const BitCounts counts = countBits();
  const Totals sums = totals();
  EXPECT_EQ(counts.used, sums.usedGranules);
  EXPECT_EQ(counts.freeBacked, sums.freeBackedGranules);
  EXPECT_EQ(sums.usedGranules - usedBefore, oracle.used());
  for (const auto& [first, granules] : oracle.spans()) {
    for (Granule g = first; g < first + granules; ++g) {
      ASSERT_NE(unitOf(g).used.load() >> (g % kUnitGranules) & 1, 0u);
    }
  }
}

TEST(Pages, RandomSpansAgreeWithAnOracle) {
  ASSERT_TRUE(initialise());
  const std::uint64_t usedBefore = totals().usedGranules;
  Oracle oracle;
  base::Random random(21);
  for (int i = 0; i < 6000; ++i) {
    const std::uint64_t dice = random.next() % 100;
    if (dice < 30) {
      Granule some[8];
      const std::uint32_t got = allocateSmall(some, static_cast<std::uint32_t>(1 + random.next() % 8));
      ASSERT_GT(got, 0u);
      for (std::uint32_t k = 0; k < got; ++k) {
        bytesOf(some[k])[kGranuleBytes / 2] = 1;
        oracle.take(some[k], 1);
      }
    } else if (dice < 55) {
      const auto granules = static_cast<std::uint32_t>(1 + random.next() % (dice < 50 ? 12 : 300));
      const std::uint32_t alignment = dice % 5 == 0 ? 1u << (random.next() % 9) : 1;
      const Span span = allocate(granules, alignment);
      ASSERT_EQ(span.granules, granules);
      ASSERT_EQ(addressOf(span.first) % (alignment * kGranuleBytes), 0u);
      for (std::uint32_t k = 0; k < granules; ++k) {
        if (span.zeroed) {
          ASSERT_EQ(bytesOf(span.first + k)[100], 0);
        }
        bytesOf(span.first + k)[100] = 1;
      }
      oracle.take(span.first, granules);
    } else if (!oracle.empty()) {
      const auto [first, granules] = oracle.any(random);
      oracle.give(first);
      bool zeroed = false;
      if (dice < 60 && granules > 3) {
        shrinkInPlace(first, granules, granules / 2);
        oracle.take(first, granules / 2);
      } else if (dice < 70 && growInPlace(first, granules, granules + 2, &zeroed)) {
        if (zeroed) {
          EXPECT_EQ(bytesOf(first + granules)[100], 0);
        }
        bytesOf(first + granules)[100] = 1;
        oracle.take(first, granules + 2);
      } else {
        release(first, granules);
      }
    }
    if (i % 1000 == 999) {
      expectBitsAgree(oracle, usedBefore);
      purge(random.next() % (8 << 20));
    }
  }
  for (const auto& [first, granules] : oracle.spans()) release(first, granules);
  EXPECT_EQ(totals().usedGranules, usedBefore);
}

TEST(Pages, PurgedMemoryReadsAsZeroAndIsCounted) {
  const Span span = allocate(100);
  std::memset(bytesOf(span.first), 7, 100 * kGranuleBytes);
  release(span.first, span.granules);
  const Totals before = totals();
  EXPECT_GE(purge(0), 100 * kGranuleBytes);
  EXPECT_EQ(totals().freeBackedGranules, 0u);
  EXPECT_GT(totals().purgedBytes, before.purgedBytes);
  const Span again = allocate(100);
  EXPECT_EQ(again.first, span.first);
  EXPECT_TRUE(again.zeroed);
  EXPECT_EQ(bytesOf(again.first)[5000], 0);
  release(again.first, again.granules);
}

TEST(Pages, SmallSlabsGoToTheFullestUnit) {
  // Two units, the first nearly full, the second nearly empty; then a hole in each.
  std::vector<Granule> all;
  while (all.size() < 2 * kUnitGranules) {
    Granule one;
    ASSERT_EQ(allocateSmall(&one, 1), 1u);
    all.push_back(one);
  }
  const std::uint32_t full = all[0] / kUnitGranules;
  Granule hole = kNoGranule;
  for (const Granule g : all) {
    if (g / kUnitGranules == full && hole == kNoGranule) {
      hole = g;
      release(g, 1);
    } else if (g / kUnitGranules != full && g % 2 == 0) {
      release(g, 1);
    }
  }
  Granule next;
  ASSERT_EQ(allocateSmall(&next, 1), 1u);
  EXPECT_EQ(next, hole);
}

TEST(Pages, SmallSlabsAndSpansShareNoUnit) {
  Granule small;
  ASSERT_EQ(allocateSmall(&small, 1), 1u);
  const Span medium = allocate(3);
  EXPECT_NE(small / kUnitGranules, medium.first / kUnitGranules);
}

TEST(Pages, GranulesOfOneRequestComeFromOneUnit) {
  Granule eight[8];
  const std::uint32_t got = allocateSmall(eight, 8);
  ASSERT_GT(got, 0u);
  for (std::uint32_t i = 0; i < got; ++i) EXPECT_EQ(eight[i] / kUnitGranules, eight[0] / kUnitGranules);
}

TEST(Pages, FailureOfTheKernelIsEnomemAndPassesOver) {
  os::Fake fake;
  fake.failNthMemoryCall(1, ~std::uint64_t{0} / 2);
  std::vector<Span> spans;
  errno = 0;
  for (;;) {
    const Span span = allocate(64);
    if (span.first == kNoGranule) break;
    spans.push_back(span);
    ASSERT_LT(spans.size(), 100000u);
  }
  EXPECT_EQ(errno, ENOMEM);
  fake.failNthMemoryCall(0);
  const Span span = allocate(64);
  EXPECT_NE(span.first, kNoGranule);
  release(span.first, span.granules);
  for (const Span& s : spans) release(s.first, s.granules);
}

TEST(Pages, ARefusalOfMemoryTakesNoFurtherAddressSpace) {
  ASSERT_TRUE(initialise());
  const std::size_t before = regionCount();
  os::Fake fake;
  fake.failNth(os::CallKind::kCommit, 1, ~std::uint64_t{0} / 2);
  std::vector<Span> spans;  // until what is accessible already is used up
  for (Span span = allocate(64); span.first != kNoGranule; span = allocate(64)) spans.push_back(span);
  for (std::uint32_t granules : {100u, 1000u, 10'000u}) EXPECT_EQ(allocate(granules).first, kNoGranule);
  EXPECT_EQ(regionCount(), before);
  EXPECT_EQ(fake.callsOf(os::CallKind::kReserve), 0u);
  fake.failNth(os::CallKind::kCommit, 0);
  const Span span = allocate(10'000);
  EXPECT_NE(span.first, kNoGranule);
  release(span.first, span.granules);
  for (const Span& s : spans) release(s.first, s.granules);
}

TEST(Pages, AFailedDiscardLeavesTheBooksRight) {
  os::Fake fake;
  const Span span = allocate(80);
  release(span.first, span.granules);
  fake.failNth(os::CallKind::kDiscard, 1, 1000);
  const std::uint64_t backed = totals().freeBackedGranules;
  EXPECT_EQ(purge(0), 0u);
  EXPECT_EQ(totals().freeBackedGranules, backed);
}

TEST(Pages, AnExhaustedRegionIsFollowedByAnother) {
  // Far more than the first region holds, never touched: the kernel gives address space only.
  ASSERT_TRUE(initialise());
  const std::uint64_t first = regionAt(0).granules;
  const std::uint64_t piece = first / 4;
  std::vector<Span> spans;
  for (int i = 0; i < 6; ++i) {
    const Span span = allocate(static_cast<std::uint32_t>(piece));
    if (span.first == kNoGranule) GTEST_SKIP() << "the kernel does not overcommit this much";
    bytesOf(span.first)[0] = static_cast<char>(i + 1);
    spans.push_back(span);
  }
  EXPECT_GT(regionCount(), 1u);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    EXPECT_EQ(bytesOf(spans[i].first)[0], static_cast<char>(i + 1));
    EXPECT_EQ(granuleOf(bytesOf(spans[i].first)), spans[i].first);
    release(spans[i].first, spans[i].granules);
  }
}

TEST(Pages, ThreadsNeverShareAGranule) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      base::Random random(static_cast<std::uint64_t>(t));
      std::vector<Span> mine;
      for (int i = 0; i < 2000; ++i) {
        if (mine.size() < 30) {
          const Span span = allocate(static_cast<std::uint32_t>(1 + random.next() % 40));
          ASSERT_NE(span.first, kNoGranule);
          for (std::uint32_t k = 0; k < span.granules; ++k)
            bytesOf(span.first + k)[8] = static_cast<char>(t + 1);
          mine.push_back(span);
        } else {
          const Span span = mine.back();
          mine.pop_back();
          for (std::uint32_t k = 0; k < span.granules; ++k) ASSERT_EQ(bytesOf(span.first + k)[8], t + 1);
          release(span.first, span.granules);
        }
      }
      for (const Span& span : mine) release(span.first, span.granules);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Demand, KeepsTheRecentPeakAndForgetsTheOldOne) {
  Demand demand;
  constexpr std::uint64_t kSecond = 1'000'000'000;
  demand.note(0, 1000);
  demand.note(1, 10);
  EXPECT_GE(demand.target(), 1000u);
  demand.note(kSecond, 10);
  EXPECT_GE(demand.target(), 1000u);
  demand.note(60 * kSecond, 10);
  EXPECT_LT(demand.target(), 1000u);
  EXPECT_GE(demand.target(), 10u);
}

TEST(Demand, AnIdleTimeCountsWithWhatWasInUse) {
  Demand demand;
  constexpr std::uint64_t kSecond = 1'000'000'000;
  demand.note(0, 5000);
  demand.note(100 * kSecond, 10);  // 5000 were in use all the time until now
  EXPECT_GE(demand.target(), 5000u);
}

}  // namespace
}  // namespace heapprof::pages
