// What KernelTruth says of pages, against mincore(2) and against what this test did to them; by both ways of
// asking.
#include "runtime/introspect/kernel_truth.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constinit DumpMemory memory;

class KernelTruthTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) fake_.failNth(os::CallKind::kPagemapScan, 1, std::uint64_t{1} << 40);
    memory.begin();
    page_ = os::geometry().pageBytes;
    map_ = static_cast<char*>(
        mmap(nullptr, kPages * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(map_, MAP_FAILED);
    madvise(map_, kPages * page_, MADV_NOHUGEPAGE);
    truth_.open(memory, this);
    ASSERT_TRUE(truth_.known());
    ASSERT_EQ(truth_.knowsHuge(), !GetParam());
  }
  void TearDown() override {
    munmap(map_, kPages * page_);
    memory.end();
  }
  std::uintptr_t at(std::size_t page) const { return reinterpret_cast<std::uintptr_t>(map_) + page * page_; }

  static constexpr std::size_t kPages = 40000;  // more than two windows of 16,384
  os::Fake fake_;
  std::size_t page_ = 0;
  char* map_ = nullptr;
  KernelTruth truth_;
};

TEST_P(KernelTruthTest, AgreesWithTheTouchedPagesAnyRangeAnyOrder) {
  base::Random random(7);
  std::vector<bool> touched(kPages);
  for (int run = 0; run < 300; ++run) {
    const std::size_t from = random.next() % kPages;
    const std::size_t length = 1 + random.next() % 200;
    for (std::size_t i = from; i < from + length && i < kPages; ++i) {
      touched[i] = true;
      map_[i * page_] = 1;
    }
  }
  for (int i = 0; i < 2000; ++i) {
    std::uintptr_t start = at(0) + random.next() % (kPages * page_);
    std::uintptr_t end = start + random.next() % (i % 10 == 0 ? kPages * page_ : 20 * page_);
    end = end < at(kPages) ? end : at(kPages);
    std::uint64_t expected = 0;
    for (std::size_t p = (start - at(0)) / page_; at(p) < end && p < kPages; ++p) {
      const std::uintptr_t from = at(p) > start ? at(p) : start;
      const std::uintptr_t to = at(p + 1) < end ? at(p + 1) : end;
      expected += touched[p] ? to - from : 0;
    }
    ASSERT_EQ(truth_.within(start, end).resident, expected) << i;
  }
  PageBytes all;
  ASSERT_TRUE(truth_.sum(at(0), kPages * page_, &all));
  std::uint64_t expected = 0;
  for (const bool is : touched) expected += is ? page_ : 0;
  EXPECT_EQ(all.resident, expected);
  std::uint64_t words[2];
  const std::size_t toWord = (64 - at(0) / page_ % 64) % 64;  // every other time what can be copied in words
  for (int i = 0; i < 500; ++i) {
    const std::size_t some = random.next() % (kPages - 256);
    const std::size_t from = i % 2 == 0 ? some : some / 64 * 64 + toWord;
    const std::size_t count = i % 2 == 0 ? 100 : 128;
    truth_.residentBits(at(from), count, words);
    for (std::size_t p = 0; p < count; ++p) {
      ASSERT_EQ((words[p / 64] >> (p % 64) & 1) != 0, static_cast<bool>(touched[from + p]));
    }
  }
}

TEST_P(KernelTruthTest, DiscardedPagesAreGone) {
  std::memset(map_, 1, 100 * page_);
  ASSERT_EQ(madvise(map_ + 10 * page_, 50 * page_, MADV_DONTNEED), 0);
  PageBytes pages;
  ASSERT_TRUE(truth_.sum(at(0), 100 * page_, &pages));
  EXPECT_EQ(pages.resident, 50 * page_);
}

TEST_P(KernelTruthTest, HolesBetweenMappingsAreNotResidentAndNoError) {
  std::memset(map_, 1, 30 * page_);
  ASSERT_EQ(munmap(map_ + 10 * page_, 10 * page_), 0);
  PageBytes pages;
  ASSERT_TRUE(truth_.sum(at(0), 30 * page_, &pages));
  EXPECT_EQ(pages.resident, 20 * page_);
  EXPECT_EQ(truth_.within(at(5), at(25)).resident, 10 * page_);
  EXPECT_FALSE(truth_.failed());
}

// Reading untouched memory maps the zero page, which is no memory of this process. Only PAGEMAP_SCAN can
// tell.
// Bytes, by a walk over all page tables.
std::size_t residentSet() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    std::size_t kib = 0;
    if (word == "Rss:" && file >> kib) return kib << 10;
  }
  return 0;
}

// Some kernels give a page that is only read a page of its own: their own count says so.
TEST_P(KernelTruthTest, TheZeroPageIsNotResidentWhereItCanBeTold) {
  constexpr std::size_t kRead = 1000;
  const std::size_t before = residentSet();
  volatile char sum = 0;
  for (std::size_t i = 0; i < kRead; ++i) sum = static_cast<char>(sum + map_[i * page_]);
  const bool isOwn = residentSet() - before >= kRead * page_;
  PageBytes pages;
  ASSERT_TRUE(truth_.sum(at(0), kRead * page_, &pages));
  EXPECT_EQ(pages.resident, GetParam() || isOwn ? kRead * page_ : 0);
}

TEST_P(KernelTruthTest, SeesHugePages) {
  const std::size_t huge = os::geometry().hugePageBytes;
  if (huge == 0 || huge > kPages * page_ / 4) GTEST_SKIP() << "huge pages of " << huge << " bytes";
  const std::uintptr_t start = (at(0) + huge - 1) / huge * huge;
  auto* block = reinterpret_cast<char*>(start);
  madvise(block, huge, MADV_HUGEPAGE);
  std::memset(block, 1, huge);
  if (!os::calls().collapse(block, huge)) GTEST_SKIP() << "the kernel gave no huge page: " << strerror(errno);
  PageBytes pages;
  ASSERT_TRUE(truth_.sum(start, huge, &pages));
  EXPECT_EQ(pages.resident, huge);
  EXPECT_EQ(pages.huge, GetParam() ? 0 : huge);
}

INSTANTIATE_TEST_SUITE_P(By, KernelTruthTest, testing::Bool(),
                         [](const auto& which) { return which.param ? "Pagemap" : "PagemapScan"; });

TEST(KernelTruth, EmptySpaceIsAskedForInFewCallsAndNoPageInItIsMissed) {
  constexpr std::size_t kBytes = std::size_t{5} << 30;
  memory.begin();
  os::Fake fake;
  auto* start = static_cast<char*>(os::calls().reserve(kBytes, std::size_t{1} << 30));
  ASSERT_NE(start, nullptr);
  ASSERT_TRUE(os::calls().commit(start, kBytes));
  const std::size_t page = os::geometry().pageBytes;
  const auto first = reinterpret_cast<std::uintptr_t>(start);
  KernelTruth truth;
  truth.open(memory, start);
  if (!truth.knowsHuge()) GTEST_SKIP() << "no PAGEMAP_SCAN: " << strerror(truth.scanError());
  const auto callsSoFar = [&] { return fake.callsOf(os::CallKind::kPagemapScan); };

  std::uint64_t before = callsSoFar();
  EXPECT_EQ(truth.within(first, first + kBytes).resident, 0u);
  EXPECT_LE(callsSoFar() - before, 7u) << "one for each GiB and two; a call a window would be 80";
  before = callsSoFar();
  EXPECT_EQ(truth.within(first, first + kBytes).resident, 0u);
  PageBytes none;
  EXPECT_TRUE(truth.sum(first + page, kBytes / 2, &none));
  EXPECT_EQ(none.resident, 0u);
  EXPECT_EQ(callsSoFar(), before) << "what was empty is not asked for by a dump's later tables";

  truth.forgetWindow();
  std::size_t touched = 0;
  for (std::size_t at = 0; at < kBytes; at += (std::size_t{97} << 21) + page) {
    start[at] = 1;
    ++touched;
  }
  const std::uint64_t resident = truth.within(first, first + kBytes).resident;
  truth.forgetWindow();
  PageBytes sum;
  EXPECT_TRUE(truth.sum(first, kBytes, &sum));
  EXPECT_EQ(resident, sum.resident);
  EXPECT_GE(resident, touched * page);
  before = callsSoFar();
  EXPECT_EQ(truth.within(first, first + kBytes).resident, resident) << "read anew, and the same";
  EXPECT_GT(callsSoFar(), before);
  os::calls().unreserve(start, kBytes);
  memory.end();
}

TEST(KernelTruth, WhatWasReadIsKeptUntilForgotten) {
  constexpr std::size_t kBytes = std::size_t{300} << 20;
  memory.begin();
  os::Fake fake;
  auto* map =
      static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(map, MAP_FAILED);
  madvise(map, kBytes, MADV_NOHUGEPAGE);
  const std::size_t page = os::geometry().pageBytes;
  KernelTruth truth;
  truth.open(memory, &fake, kBytes);
  if (!truth.knowsHuge()) GTEST_SKIP() << "no PAGEMAP_SCAN: " << strerror(truth.scanError());
  std::size_t touched = 0;
  for (std::size_t at = 0; at < kBytes; at += std::size_t{1} << 20, ++touched) map[at] = 1;
  const auto resident = [&] {
    return truth.within(reinterpret_cast<std::uintptr_t>(map), reinterpret_cast<std::uintptr_t>(map + kBytes))
        .resident;
  };
  EXPECT_EQ(resident(), touched * page);
  const std::uint64_t before = fake.callsOf(os::CallKind::kPagemapScan);
  map[page * 3] = 1;
  EXPECT_EQ(resident(), touched * page);
  EXPECT_EQ(fake.callsOf(os::CallKind::kPagemapScan), before) << "read again";
  truth.forgetWindow();
  EXPECT_EQ(resident(), (touched + 1) * page);
  munmap(map, kBytes);
  memory.end();
}

// A reader that comes back at once takes mmap's lock before a writer that was woken for it.
TEST(KernelTruth, BetweenCallsInARowTheLockIsLeftAloneAfterAQuarterOfAMillisecond) {
  constexpr std::size_t kPages = 65536;
  constexpr std::uint64_t kCallNanos = 30000;
  memory.begin();
  os::Fake fake;
  fake.setClock(1'000'000'000, 0);
  KernelTruth truth;
  truth.open(memory, &fake);
  if (!truth.knowsHuge()) GTEST_SKIP() << "no PAGEMAP_SCAN: " << strerror(truth.scanError());
  const std::size_t bytes = kPages * os::geometry().pageBytes;
  void* map = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  madvise(map, bytes, MADV_NOHUGEPAGE);
  ASSERT_EQ(madvise(map, bytes, MADV_POPULATE_READ), 0) << "the zero page everywhere: walked all the same";

  const auto calls = [&] { return fake.callsOf(os::CallKind::kPagemapScan); };
  const auto pauses = [&] { return fake.callsOf(os::CallKind::kPause); };
  const auto ask = [&] {
    PageBytes pages;
    EXPECT_TRUE(truth.sum(reinterpret_cast<std::uintptr_t>(map), bytes, &pages));
  };
  std::uint64_t before = calls();
  ask();
  EXPECT_EQ(pauses(), 0u) << "calls that take no time hold nobody up";
  EXPECT_GE(calls() - before, kPages / 2048) << "no call asks for more than 2,048 pages that are there";

  fake.takes(os::CallKind::kPagemapScan, kCallNanos);
  before = calls();
  const std::uint64_t from = os::calls().monotonicNanos();
  ask();
  const std::uint64_t made = calls() - before;
  // The ninth call in a row passes 0.25 ms.
  EXPECT_EQ(pauses(), (made - 1) / 9);
  EXPECT_EQ(os::calls().monotonicNanos() - from, made * kCallNanos + pauses() * LockTurns::kRestNanos);

  // Who does something else for as long between two calls has left the lock alone already.
  const std::uint64_t pausesBefore = pauses();
  for (int i = 0; i < 100; ++i) {
    PageBytes pages;
    fake.advanceClock(LockTurns::kRestNanos);
    EXPECT_TRUE(truth.sum(reinterpret_cast<std::uintptr_t>(map), 1, &pages));
  }
  EXPECT_EQ(pauses(), pausesBefore);
  munmap(map, bytes);
  memory.end();
}

TEST(KernelTruth, ReservationsAreSummedInFewCallsAndInShortOnesWhereTheseAreSlow) {
  constexpr std::size_t kBytes = std::size_t{32} << 30;
  memory.begin();
  os::Fake fake;
  fake.setClock(1'000'000'000, 0);
  auto* start = static_cast<char*>(os::calls().reserve(kBytes, std::size_t{1} << 30));
  ASSERT_NE(start, nullptr);
  KernelTruth truth;
  truth.open(memory, &fake);
  if (!truth.knowsHuge()) GTEST_SKIP() << "no PAGEMAP_SCAN: " << strerror(truth.scanError());
  const auto callsOfASum = [&] {
    const std::uint64_t before = fake.callsOf(os::CallKind::kPagemapScan);
    PageBytes pages;
    EXPECT_TRUE(truth.sum(reinterpret_cast<std::uintptr_t>(start), kBytes, &pages));
    EXPECT_EQ(pages.resident, 0u);
    return fake.callsOf(os::CallKind::kPagemapScan) - before;
  };
  EXPECT_EQ(callsOfASum(), 6u) << "1 GiB, 2, 4, 8, 16, and the rest";
  fake.takes(os::CallKind::kPagemapScan, 50000);
  EXPECT_EQ(callsOfASum(), 32u) << "a GiB each";
  fake.takes(os::CallKind::kPagemapScan, 300000);
  EXPECT_EQ(callsOfASum(), 3u + 242u) << "1 GiB, 512 MiB, 256 MiB, then 128 MiB each";
  os::calls().unreserve(start, kBytes);
  memory.end();
}

TEST(KernelTruth, AFailureMidwayIsRemembered) {
  memory.begin();
  os::Fake fake;
  KernelTruth truth;
  truth.open(memory, &fake);
  ASSERT_TRUE(truth.known());
  EXPECT_FALSE(truth.failed());
  fake.failNth(os::CallKind::kPagemapScan, 1);
  PageBytes pages;
  EXPECT_FALSE(truth.sum(0x1000000, 4096, &pages));
  EXPECT_TRUE(truth.failed());
  memory.end();
}

}  // namespace
}  // namespace heapprof::introspect
