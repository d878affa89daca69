// Forming and breaking huge pages, by the kernel's own word where it can be had.
#include "runtime/pages/forming.h"

#include <cstdio>
#include <cstring>
#include <errno.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "runtime/introspect/kernel_truth.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "runtime/pages/book.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/rhythm.h"
#include "tests/runtime/pages/bit_counts.h"
#include "tests/runtime/pages/kernel_says.h"

namespace heapprof::pages {

extern constinit Book book;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Whole units of single granules, every byte written; a clock that moves when told.
class FormingTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_.setClock(base_, base_);
    restartForming();
    if (!kernelCollapses()) GTEST_SKIP() << "this kernel, as it is set, has no MADV_COLLAPSE of 2 MiB";
    purge(0);
    probes_ = fake_.callsOf(os::CallKind::kCollapse);
  }
  std::uint64_t collapses() const { return fake_.callsOf(os::CallKind::kCollapse) - probes_; }
  void TearDown() override {
    for (const auto& [granule, unit] : granules_) release(granule, 1);
    purge(0);
    base_ += 1000 * kSecond;
  }
  // So many whole units.
  std::vector<std::uint32_t> fill(std::size_t units) {
    std::map<std::uint32_t, std::size_t> counts;
    std::vector<std::uint32_t> whole;
    while (whole.size() < units) {
      Granule one = kNoGranule;
      if (allocateSmall(&one, 1) != 1) break;
      std::memset(bytesOf(one), 1, kGranuleBytes);
      const std::uint32_t unit = one >> kUnitGranulesShift;
      granules_.emplace(one, unit);
      if (++counts[unit] == kUnitGranules) whole.push_back(unit);
    }
    return whole;
  }
  // Frees so many granules of the unit.
  void empty(std::uint32_t unit, std::size_t count) {
    for (auto at = granules_.begin(); at != granules_.end() && count != 0;) {
      if (at->second != unit) {
        ++at;
        continue;
      }
      release(at->first, 1);
      at = granules_.erase(at);
      --count;
    }
  }
  void formFor(std::uint64_t seconds) {
    for (std::uint64_t i = 0; i < seconds * 10; ++i) {
      fake_.advanceClock(kSecond / 10);
      formHugePages(false);
    }
  }
  void expectUnharmed() {
    for (const auto& [granule, unit] : granules_) {
      for (std::size_t at = 0; at < kGranuleBytes; at += 512) ASSERT_EQ(bytesOf(granule)[at], 1);
    }
  }

  os::Fake fake_;
  std::uint64_t probes_ = 0;
  std::map<Granule, std::uint32_t> granules_;
  static inline std::uint64_t base_ = 100'000 * kSecond;
};

TEST_F(FormingTest, ADenseUnitBecomesHugeByTheKernelsWordAndASparseOneDoesNot) {
  const auto units = fill(3);
  empty(units[1], kUnitGranules / 10);      // dense still
  empty(units[2], kUnitGranules / 10 + 1);  // not any longer
  const HugeTotals before = hugeTotals();
  formFor(5);
  EXPECT_TRUE(isHuge(unitByNumber(units[0])));
  EXPECT_TRUE(isHuge(unitByNumber(units[1])));
  EXPECT_FALSE(isHuge(unitByNumber(units[2])));
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes);
  EXPECT_EQ(truthOf(units[1]).huge, kUnitBytes);
  EXPECT_EQ(truthOf(units[2]).huge, 0u);
  EXPECT_EQ(hugeTotals().formed, before.formed + 2);
  EXPECT_EQ(hugeTotals().forming, Forming::kWorks);
  // The granules that were free in it hold memory now, and the books know.
  EXPECT_EQ(unitByNumber(units[1]).backed.load(), kAllGranules);
  EXPECT_EQ(countBits().freeBacked, book.freeBackedGranules);
  expectUnharmed();
}

TEST_F(FormingTest, AUnitIsLeftAloneForASecondAndThenSoonLookedAtAgain) {
  const auto units = fill(1);
  std::uint64_t wait = 0;
  for (std::uint64_t millis = 0; millis < 950; millis += 50) {
    wait = formHugePages(false);
    ASSERT_FALSE(isHuge(unitByNumber(units[0]))) << millis << " ms";
    fake_.advanceClock(kSecond / 20);
  }
  EXPECT_GT(wait, 0u);
  EXPECT_LE(wait, kSecond / 4);
  // The first look that counts faults puts it off.
  fake_.advanceClock(kSecond / 10);
  for (int i = 0; i < 3; ++i, fake_.advanceClock(kSecond / 100)) formHugePages(false);
  EXPECT_TRUE(isHuge(unitByNumber(units[0])));
}

TEST_F(FormingTest, WhileOtherThreadsFaultAUnitWaitsButNotForEver) {
  const auto units = fill(2);
  fake_.advanceClock(4 * kSecond);
  formHugePages(false);  // counts the faults so far
  const std::uint64_t before = collapses();
  const auto lookWhileOthersFault = [&] {
    std::thread([] {
      const std::size_t bytes = 64 * os::pageBytes();
      void* at = os::calls().mapMetadata(bytes);
      ASSERT_NE(at, nullptr);
      for (std::size_t i = 0; i < bytes; i += os::pageBytes()) static_cast<volatile char*>(at)[i] = 1;
      os::calls().unreserve(at, bytes);
    }).join();
    fake_.advanceClock(kSecond / 100);
    formHugePages(false);
  };
  for (int i = 0; i < 50; ++i) lookWhileOthersFault();
  EXPECT_EQ(collapses(), before);
  for (int i = 0; i < 60; ++i) lookWhileOthersFault();
  EXPECT_EQ(collapses(), before + 1);
  formFor(1);
  EXPECT_GE(collapses(), before + units.size());
}

TEST_F(FormingTest, AUnitThatIsUsedButNotTouchedIsLeftAlone) {
  const Span span = allocate(2 * kUnitGranules);
  std::memset(bytesOf(span.first), 1, span.granules * kGranuleBytes / 2);
  formFor(5);
  for (std::uint32_t g = 0; g < span.granules; g += kUnitGranules) {
    EXPECT_LE(truthOf((span.first + g) >> kUnitGranulesShift).resident, kUnitBytes);
  }
  std::uint64_t resident = 0;
  for (std::uint32_t u = span.first >> kUnitGranulesShift;
       u <= (span.first + span.granules) >> kUnitGranulesShift; ++u)
    resident += truthOf(u).resident;
  EXPECT_LE(resident, span.granules * kGranuleBytes / 2 + kUnitBytes);
  release(span.first, span.granules);
}

TEST_F(FormingTest, ALongSpanIsFormedAsWell) {
  const Span span = allocate(3 * kUnitGranules, kUnitGranules);
  std::memset(bytesOf(span.first), 1, span.granules * kGranuleBytes);
  formFor(5);
  for (std::uint32_t u = 0; u < 3; ++u) {
    EXPECT_EQ(truthOf((span.first >> kUnitGranulesShift) + u).huge, kUnitBytes);
  }
  release(span.first, span.granules);
  fake_.advanceClock(60 * kSecond);
  const std::uint64_t broken = hugeTotals().broken;
  EXPECT_GE(purge(0), span.granules * kGranuleBytes);
  EXPECT_EQ(hugeTotals().broken, broken) << "whole ones are given back, not broken";
  EXPECT_EQ(truthOf(span.first >> kUnitGranulesShift).resident, 0u);
  EXPECT_FALSE(isHuge(unitOf(span.first)));
}

TEST_F(FormingTest, WhatIsFreeInAHugePageGoesBackWhenItIsSparseAndItIsSplitBefore) {
  const auto units = fill(1);
  formFor(5);
  Unit& unit = unitByNumber(units[0]);
  ASSERT_TRUE(isHuge(unit));
  const auto purgeIdle = [&] {
    fake_.advanceClock(20 * kSecond);
    for (int i = 0; i < 4; ++i) {
      fake_.advanceClock(kSecond);
      keepUp();
    }
  };
  empty(units[0], kUnitGranules - kSparseGranules - 1);
  purgeIdle();
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes) << "neither dense nor sparse: as it is";
  EXPECT_EQ(fake_.callsOf(os::CallKind::kCold), 0u);
  const HugeTotals before = hugeTotals();
  empty(units[0], 1 + 40);
  purgeIdle();
  EXPECT_EQ(truthOf(units[0]).huge, 0u);
  EXPECT_FALSE(isHuge(unit));
  EXPECT_EQ(fake_.callsOf(os::CallKind::kCold), 1u);
  EXPECT_EQ(hugeTotals().broken, before.broken + 1);
  EXPECT_EQ(hugeTotals().nowHuge, before.nowHuge - 1);
  EXPECT_LE(truthOf(units[0]).resident, kUnitBytes / 2);
  expectUnharmed();
}

TEST_F(FormingTest, WhereColdIsRefusedMemoryGoesBackAllTheSame) {
  const auto units = fill(1);
  formFor(5);
  ASSERT_TRUE(isHuge(unitByNumber(units[0])));
  fake_.failNth(os::CallKind::kCold, 1, 1000, EINVAL);
  empty(units[0], 40);
  EXPECT_GT(purge(0), 0u);
  EXPECT_LE(truthOf(units[0]).resident, kUnitBytes / 2);
  expectUnharmed();
}

TEST_F(FormingTest, NothingIsFormedWithinTenSecondsOfAPurge) {
  const auto units = fill(1);
  empty(units[0], 6);
  purge(0);
  formFor(9);
  EXPECT_EQ(truthOf(units[0]).huge, 0u);
  formFor(5);
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes);
}

class RefusedCollapse : public FormingTest, public testing::WithParamInterface<std::pair<int, Cause>> {};
INSTANTIATE_TEST_SUITE_P(Errno, RefusedCollapse,
                         testing::Values(std::pair{EAGAIN, Cause::kEagain}, std::pair{ENOMEM, Cause::kEnomem},
                                         std::pair{EINVAL, Cause::kEinval}, std::pair{EBUSY, Cause::kEbusy},
                                         std::pair{EIO, Cause::kOther}),
                         [](const auto& row) { return std::string("Is") + std::to_string(row.param.first); });

TEST_P(RefusedCollapse, IsCountedByItsCauseBackedOffFromAndTriedAgain) {
  const auto units = fill(4);
  const HugeTotals before = hugeTotals();
  // One goes well, so that the kernel is known to have it.
  fake_.failNth(os::CallKind::kCollapse, 2, 1'000'000, GetParam().first);
  formFor(120);
  const HugeTotals after = hugeTotals();
  const auto cause = static_cast<unsigned>(GetParam().second);
  EXPECT_EQ(after.formed, before.formed + 1);
  EXPECT_GE(after.refusals[cause], before.refusals[cause] + 3);
  EXPECT_LE(after.refusals[cause], before.refusals[cause] + 40) << "1,200 rounds, and the kernel has said no";
  fake_.failNth(os::CallKind::kCollapse, 0);
  formFor(130);
  std::size_t huge = 0;
  for (const std::uint32_t unit : units) huge += truthOf(unit).huge == kUnitBytes ? 1 : 0;
  EXPECT_GT(huge, 1u);
  expectUnharmed();
}

TEST_F(FormingTest, AUnitThatComesAndGoesIsFormedWhenItHasBeenCalmForAMinute) {
  const auto units = fill(2);
  UnitRhythm& rhythm = unitByNumber(units[0]).rhythm;
  rhythm.awayMillis = 2500;
  rhythm.emptiedMillis = millisOf(os::calls().monotonicNanos());
  formFor(55);
  EXPECT_EQ(truthOf(units[0]).huge, 0u);
  EXPECT_EQ(truthOf(units[1]).huge, kUnitBytes);
  formFor(10);
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes);
  rhythm.awayMillis = 0;
}

TEST_F(FormingTest, AKernelWithoutCollapseIsAskedAFewTimesAndNeverAgain) {
  fill(12);
  fake_.failNth(os::CallKind::kCollapse, 1, 1'000'000, EINVAL);
  formFor(200);
  EXPECT_EQ(hugeTotals().forming, Forming::kAbsent);
  EXPECT_LE(collapses(), 8u);
  EXPECT_FALSE(formingIsOn());
}

TEST_F(FormingTest, WhereItIsDeniedItIsAskedOnce) {
  for (const int error : {EPERM, ENOSYS}) {
    restartForming();
    const std::uint64_t before = collapses();
    fill(2);
    fake_.failNth(os::CallKind::kCollapse, 1, 1'000'000, error);
    formFor(30);
    EXPECT_EQ(hugeTotals().forming, Forming::kRefused);
    EXPECT_EQ(collapses(), before + 1);
    fake_.advanceClock(60 * kSecond);
  }
}

TEST_F(FormingTest, TheAdministratorsNeverIsObeyedAndSoIsAChangeOfIt) {
  char path[] = "/tmp/heapprof-thp-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(pwrite(fd, "always madvise [never]\n", 23, 0), 23);
  fake_.redirect("/sys/kernel/mm/transparent_hugepage/enabled", path);
  if (os::readThpSetting() != os::ThpSetting::kNever)
    GTEST_SKIP() << "the PMD size has a setting of its own here";
  const auto units = fill(1);
  formFor(30);
  EXPECT_EQ(truthOf(units[0]).huge, 0u);
  EXPECT_EQ(hugeTotals().forming, Forming::kOff);
  ASSERT_EQ(pwrite(fd, "always [madvise] never\n", 23, 0), 23);
  formFor(12);
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes);
  close(fd);
  unlink(path);
}

TEST_F(FormingTest, PagesSharedWithAForkedChildAreNotCopiedUntilItIsGone) {
  const auto units = fill(2);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(ends[0]);
  const std::uint64_t skipped = hugeTotals().skippedShared;
  formFor(5);
  for (const std::uint32_t unit : units) EXPECT_EQ(truthOf(unit).huge, 0u);
  EXPECT_GE(hugeTotals().skippedShared, skipped + 2);
  EXPECT_EQ(collapses(), 0u);
  close(ends[1]);
  waitpid(child, nullptr, 0);
  formFor(20);
  for (const std::uint32_t unit : units) EXPECT_EQ(truthOf(unit).huge, kUnitBytes);
}

TEST_F(FormingTest, WherePagemapCannotBeReadNothingIsFormedOnceTheProcessHasForked) {
  const auto units = fill(2);
  fake_.failNth(os::CallKind::kRead, 0);
  formHugePages(false);  // reads the setting
  fake_.failNth(os::CallKind::kOpenRead, 1, 1'000'000, EACCES);
  noteFork();
  formFor(5);
  EXPECT_EQ(collapses(), 0u);
  fake_.failNth(os::CallKind::kOpenRead, 0);
  formFor(20);
  EXPECT_EQ(truthOf(units[0]).huge, kUnitBytes);
}

}  // namespace
}  // namespace heapprof::pages
