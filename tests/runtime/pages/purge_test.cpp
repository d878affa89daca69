// Giving memory back without the page lock: what is out, what comes back, and who sees it meanwhile.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/pages/book.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/scores.h"
#include "tests/runtime/pages/bit_counts.h"

namespace heapprof::pages {

extern constinit Book book;

namespace {

// What the invariant of book.h says of the bits.
void expectBookAgrees() {
  const BitCounts counts = countBits();
  EXPECT_EQ(counts.used, book.usedGranules + book.outGranules);
  EXPECT_EQ(counts.freeBacked, book.freeBackedGranules);
}

TEST(Demand, LooksBackAsFarAsItIsAskedTo) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  for (const std::uint64_t seconds : {1u, 5u, 60u, 3600u}) {
    Demand demand;
    const std::uint64_t back = seconds * kSecond;
    demand.cover(back);
    const std::uint64_t start = 5000 * kSecond;
    demand.note(start, 100);
    demand.note(start + 1, 10);
    demand.note(start + back - 1, 10);
    EXPECT_EQ(demand.highest(demand.windowsFor(back)), 100u) << seconds;
    demand.note(start + back + back / 4 + Demand::kWindowNanos, 10);  // a window more at most
    EXPECT_EQ(demand.highest(demand.windowsFor(back)), 10u) << seconds;
  }
}

TEST(Purge, AdjacentFreeSpaceIsAdvisedInOneCall) {
  purge(0);
  const Span span = allocate(7 * kUnitGranules);
  std::memset(bytesOf(span.first), 1, span.granules * kGranuleBytes);
  release(span.first, span.granules);
  os::Fake fake;
  EXPECT_EQ(purge(0), span.granules * kGranuleBytes);
  EXPECT_EQ(fake.callsOf(os::CallKind::kDiscard), 1u);
  expectBookAgrees();
}

TEST(Purge, ALargeRangeGoesInBoundedBatches) {
  purge(0);
  const Span span = allocate(3 * Batch::kMostGranules);
  release(span.first, span.granules);
  os::Fake fake;
  EXPECT_EQ(purge(0), span.granules * kGranuleBytes);
  EXPECT_EQ(fake.callsOf(os::CallKind::kDiscard), 3u);
}

TEST(Purge, NothingThatIsOutIsHandedOut) {
  const Span span = allocate(4 * kUnitGranules);
  release(span.first, span.granules);
  ASSERT_TRUE(book.takeOut(~std::uint64_t{0}, Reach::kAll));
  expectBookAgrees();
  const Batch out = book.out;
  std::vector<Span> spans;
  for (int i = 0; i < 50; ++i) spans.push_back(allocate(static_cast<std::uint32_t>(1 + i * 7 % 90)));
  for (const Span& taken : spans) {
    for (std::uint32_t i = 0; i < out.count; ++i) {
      EXPECT_TRUE(taken.first + taken.granules <= out.runs[i].first ||
                  out.runs[i].first + out.runs[i].granules <= taken.first);
    }
  }
  book.putBack(0);
  expectBookAgrees();
  for (const Span& taken : spans) release(taken.first, taken.granules);
  expectBookAgrees();
}

TEST(Purge, TheSparsestUnitIsPurgedFirstAndADenseOneIsSpared) {
  purge(0);
  std::vector<Granule> all;
  while (all.size() < 6 * kUnitGranules) {
    Granule one;
    ASSERT_EQ(allocateSmall(&one, 1), 1u);
    bytesOf(one)[0] = 1;
    all.push_back(one);
  }
  // Two whole units of these: one keeps a quarter, one all but two.
  const std::uint32_t sparse = all[2 * kUnitGranules] >> kUnitGranulesShift;
  const std::uint32_t dense = all[4 * kUnitGranules] >> kUnitGranulesShift;
  ASSERT_NE(sparse, dense);
  std::vector<Granule> left;
  std::uint32_t inSparse = 0, inDense = 0;
  for (const Granule g : all) {
    const bool gives = g >> kUnitGranulesShift == sparse  ? inSparse++ % 4 != 0
                       : g >> kUnitGranulesShift == dense ? inDense++ < 2
                                                          : false;
    if (gives) {
      releaseSmall(&g, 1);
    } else {
      left.push_back(g);
    }
  }
  const auto isBacked = [](std::uint32_t unit) {
    const Unit& at = unitByNumber(unit);
    return (at.backed & ~at.used) != 0;
  };
  ASSERT_TRUE(book.takeOut(1, Reach::kSparing));
  EXPECT_EQ(book.out.runs[0].first >> kUnitGranulesShift, sparse);
  book.putBack(0);
  while (book.takeOut(~std::uint64_t{0}, Reach::kSparing)) book.putBack(~std::uint64_t{0});
  EXPECT_FALSE(isBacked(sparse));
  EXPECT_TRUE(isBacked(dense));
  purge(0);
  EXPECT_FALSE(isBacked(dense));
  for (const Granule g : left) release(g, 1);
  expectBookAgrees();
}

TEST(Purge, WhatTrimmingEndedIsNotWaitedForAgain) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  purge(0);
  os::Fake fake;
  fake.setClock(9'000'000 * kSecond, 9'000'000 * kSecond);
  for (const bool ended : {false, true}) {
    const Span span = allocate(4 * kUnitGranules);
    for (int round = 0; round < 5; ++round) {
      fake.advanceClock(kSecond / 5);
      keepUp();
    }
    release(span.first, span.granules);
    fake.advanceClock(kSecond / 100);
    keepUp(ended ? span.granules : 0);
    if (ended) {
      EXPECT_LT(book.freeBackedGranules, kUnitGranules);
    } else {
      EXPECT_GE(book.freeBackedGranules, span.granules);
    }
    fake.advanceClock(600 * kSecond);
    purge(0);
  }
  expectBookAgrees();
}

TEST(Purge, AChildForkedWhileABatchIsOutGetsItBack) {
  std::atomic<bool> stop{false};
  std::thread purger([&] {
    while (!stop) {
      const Span span = allocate(40 * kUnitGranules);
      for (std::uint32_t g = 0; g < span.granules; ++g) bytesOf(span.first + g)[0] = 1;
      release(span.first, span.granules);
      purge(0);
    }
  });
  int withBatch = 0;
  for (int i = 0; i < 300 && (i < 40 || withBatch == 0); ++i) {
    prepareFork();
    const bool wasOut = book.outGranules != 0;
    const pid_t child = fork();
    if (child == 0) {
      childAfterFork();
      bool good = book.outGranules == 0 && book.out.count == 0;
      std::uint64_t used = 0, freeBacked = 0;
      for (std::uint32_t u = 0; u < regionAt(0).committed / kUnitGranules; ++u) {
        const Unit& unit = regionAt(0).units[u];
        used += static_cast<std::uint64_t>(__builtin_popcountll(unit.used));
        freeBacked += static_cast<std::uint64_t>(__builtin_popcountll(unit.backed & ~unit.used));
      }
      good = good && freeBacked == book.freeBackedGranules;
      const std::uint64_t before = book.usedGranules;
      const Span span = allocate(60 * kUnitGranules);
      good = good && span.first != kNoGranule && book.usedGranules == before + span.granules;
      release(span.first, span.granules);
      purge(0);
      _exit(good && book.freeBackedGranules == 0 ? 0 : 1);
    }
    parentAfterFork();
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0) << "with a batch out: " << wasOut;
    withBatch += wasOut ? 1 : 0;
  }
  stop = true;
  purger.join();
  EXPECT_GT(withBatch, 0);
  expectBookAgrees();
}

std::uint64_t residentBytes() {
  std::uint64_t size = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%lu %lu", &size, &resident) != 2) ADD_FAILURE();
  if (file != nullptr) std::fclose(file);
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Frees every third page of what it allocates: what was never touched cannot come back. Touched bytes.
std::uint64_t releaseTouched(std::uint32_t granules) {
  const Span span = allocate(granules);
  std::uint64_t touched = 0;
  for (std::size_t at = 0; at < span.granules * kGranuleBytes; at += 3 * os::pageBytes()) {
    bytesOf(span.first)[at] = 1;
    touched += os::pageBytes();
  }
  release(span.first, span.granules);
  return touched;
}

TEST(PurgeScores, BytesReturnedAgreeWithTheDropOfRss) {
  constexpr std::uint32_t kGranules = 20 * kUnitGranules;
  // Once unmeasured: what purging itself touches (a sanitizer's shadow of the books, too) is resident then.
  releaseTouched(kGranules);
  purge(0);
  const std::uint64_t touched = releaseTouched(kGranules);
  const PurgeTotals before = purgeTotals();
  const std::uint64_t rssBefore = residentBytes();
  purge(0);
  const std::uint64_t drop = rssBefore - residentBytes();
  const PurgeTotals after = purgeTotals();
  const std::uint64_t returned = after.returnedBytes - before.returnedBytes;
  EXPECT_EQ(after.passes, before.passes + 1);
  EXPECT_EQ(after.advisedBytes - before.advisedBytes, kGranules * kGranuleBytes);
  EXPECT_NEAR(static_cast<double>(returned), static_cast<double>(touched),
              0.01 * static_cast<double>(touched));
  EXPECT_NEAR(static_cast<double>(returned), static_cast<double>(drop), 0.02 * static_cast<double>(drop));
}

TEST(PurgeScores, WhatIsUsedAgainIsChargedToItsPassByAge) {
  os::Fake fake;
  std::uint64_t now = std::uint64_t{1000} * 1'000'000'000;
  fake.setClock(now, now);
  purge(0);
  const auto rowsOf = [] {
    std::vector<PurgeRow> rows;
    forEachPass(
        [](void* all, const PurgeRow& row) { static_cast<std::vector<PurgeRow>*>(all)->push_back(row); },
        &rows);
    return rows;
  };
  const Span span = allocate(2 * kUnitGranules);
  release(span.first, span.granules);
  fake.advanceClock(100'000'000'000);
  purge(0);
  const PurgeTotals before = purgeTotals();
  ASSERT_FALSE(rowsOf().empty());
  EXPECT_EQ(rowsOf().back().reason, PurgeReason::kApi);
  EXPECT_EQ(rowsOf().back().refaultedBytes[2], 0u);
  fake.advanceClock(5'000'000'000);
  const Span again = allocate(2 * kUnitGranules);
  ASSERT_EQ(again.first, span.first);
  const PurgeTotals after = purgeTotals();
  const std::uint64_t bytes = span.granules * kGranuleBytes;
  EXPECT_EQ(after.refaultedBytes[0], before.refaultedBytes[0]) << "5 s are no 1 s";
  EXPECT_EQ(after.refaultedBytes[1] - before.refaultedBytes[1], bytes);
  EXPECT_EQ(after.refaultedBytes[2] - before.refaultedBytes[2], bytes);
  EXPECT_EQ(rowsOf().back().refaultedBytes[1], bytes);
  release(again.first, again.granules);
}

PurgeSpread spreadNow() {
  PurgeSpread spread;
  readSpread(spread);
  return spread;
}

// The bucket that rose and by how much; 0 of what rose in none, and of what rose in several.
std::pair<unsigned, std::uint64_t> rise(const std::uint64_t (&before)[kBuckets],
                                        const std::uint64_t (&after)[kBuckets]) {
  std::pair<unsigned, std::uint64_t> found{0, 0};
  for (unsigned i = 0; i < kBuckets; ++i) {
    if (after[i] == before[i]) continue;
    if (found.second != 0) return {0, 0};
    found = {i, after[i] - before[i]};
  }
  return found;
}

TEST(PurgeScores, APassIsCountedByItsBytesAndItsTime) {
  os::Fake fake;
  constexpr std::uint64_t kNow = std::uint64_t{1000} * 1'000'000'000;
  const std::pair<std::uint64_t, unsigned> kValues[] = {{1, 0},
                                                        {2, 1},
                                                        {3, 1},
                                                        {4095, 11},
                                                        {4096, 12},
                                                        {std::uint64_t{1} << 47, 47},
                                                        {~std::uint64_t{0} >> 2, 47}};
  for (const auto& [value, bucket] : kValues) {
    const PurgeSpread before = spreadNow();
    fake.setClock(kNow + (value < kNow ? value : 0), kNow);
    PurgePass pass;
    pass.startNanos = kNow;
    pass.advisedBytes = value;
    notePass(pass);
    const PurgeSpread after = spreadNow();
    EXPECT_EQ(rise(before.advisedBytes, after.advisedBytes), std::pair(bucket, std::uint64_t{1})) << value;
    EXPECT_EQ(rise(before.durationNanos, after.durationNanos),
              std::pair(value < kNow ? bucket : 0, std::uint64_t{1}))
        << value;
  }
}

TEST(PurgeScores, WhatIsUsedAgainIsCountedByItsAgeInPages) {
  os::Fake fake;
  std::uint64_t now = std::uint64_t{2000} * 1'000'000'000;
  const Span span = allocate(3);
  // 5 ms, 5 s, 5 min: beyond the last sum of bytes as well.
  const std::pair<std::uint64_t, unsigned> kAgesIn[] = {
      {5'000'000, 22}, {5'000'000'000, 32}, {300'000'000'000, 38}};
  for (const auto& [age, bucket] : kAgesIn) {
    stampUnit(span.first, now);
    const PurgeSpread before = spreadNow();
    now += age;
    noteRefault(span.first, 3 * kGranuleBytes, now);
    EXPECT_EQ(rise(before.refaultNanos, spreadNow().refaultNanos),
              std::pair(bucket, 3 * kGranuleBytes / os::pageBytes()));
  }
  release(span.first, span.granules);
}

TEST(PurgeScores, WhereTheKernelDoesNotSayWhatIsResidentTheSumsAreUnknown) {
  os::Fake fake;
  const Span span = allocate(kUnitGranules + 1);
  release(span.first, span.granules);
  fake.failNth(os::CallKind::kResidentPages, 1, 1000);
  const std::uint64_t before = purgeTotals().unknownPasses;
  EXPECT_GT(purge(0), 0u);
  EXPECT_EQ(purgeTotals().unknownPasses, before + 1);
}

TEST(Purge, ThreadsAllocateWhileOthersPurge) {
  std::atomic<bool> stop{false};
  std::thread purger([&] {
    while (!stop) purge(0);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([t] {
      base::Random random(static_cast<std::uint64_t>(t) + 5);
      std::vector<Span> mine;
      for (int i = 0; i < 4000; ++i) {
        if (mine.size() < 40) {
          const Span span = allocate(static_cast<std::uint32_t>(1 + random.next() % 150));
          ASSERT_NE(span.first, kNoGranule);
          for (std::uint32_t k = 0; k < span.granules; ++k) {
            if (span.zeroed) {
              ASSERT_EQ(bytesOf(span.first + k)[8], 0);
            }
            bytesOf(span.first + k)[8] = static_cast<char>(t + 1);
          }
          mine.push_back(span);
        } else {
          const std::size_t at = random.next() % mine.size();
          const Span span = mine[at];
          mine[at] = mine.back();
          mine.pop_back();
          for (std::uint32_t k = 0; k < span.granules; ++k) ASSERT_EQ(bytesOf(span.first + k)[8], t + 1);
          release(span.first, span.granules);
        }
      }
      for (const Span& span : mine) release(span.first, span.granules);
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  purger.join();
  expectBookAgrees();
}

}  // namespace
}  // namespace heapprof::pages
