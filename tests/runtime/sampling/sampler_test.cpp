// The sampler as the heap and the dump see it. State is the process's: every case runs in a process of its
// own.
#include "runtime/sampling/sampler.h"

#include <cerrno>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <vector>

#include "runtime/meta/meta_memory.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/slab_list.h"

namespace heapprof::sampling {
namespace {

// The sampler cannot be taken back to its beginning: ctest runs each case alone, and by hand one is run at a
// time.
class Sampler : public ::testing::Test {
 protected:
  void SetUp() override {
    static bool used = false;
    if (used) GTEST_SKIP() << "one case a process: choose it with --gtest_filter, or run ctest";
    used = true;
  }
};

Lane& lane = lanes[5];  // one thread: its lock need not be held

// A stand-in for the heap's public entry function.
[[gnu::noinline]] RecordId sample(std::uintptr_t address, std::size_t requested, std::size_t allocated,
                                  std::uint64_t interval, Kind kind = Kind::kMalloc,
                                  std::size_t alignment = 0) {
  const Allocation allocation = {
      reinterpret_cast<void*>(address), requested, allocated, alignment, kind, interval};
  SiteNode* site = siteOf(lane, allocation, __builtin_frame_address(0));
  const RecordId id = site == nullptr ? 0 : record(lane, allocation, site, now());
  __asm__ volatile("");
  return id;
}

void die(RecordId id) {
  forget(lane, id, now());
}

struct SiteCopy {
  Site site;
  std::vector<std::uintptr_t> frames;
  std::vector<std::uint32_t> lifetime;
};

std::vector<SiteCopy> sites() {
  std::vector<SiteCopy> all;
  forEachSite(
      [](void* context, const Site& site) {
        static_cast<std::vector<SiteCopy>*>(context)->push_back(
            {site, std::vector<std::uintptr_t>(site.frames, site.frames + site.frameCount),
             std::vector<std::uint32_t>(site.lifetime, site.lifetime + kLifetimeBuckets)});
      },
      &all);
  return all;
}

std::map<std::uint64_t, LiveRecord> records() {
  std::map<std::uint64_t, LiveRecord> all;
  forEachLive(
      [](void* context, const LiveRecord& live) {
        static_cast<std::map<std::uint64_t, LiveRecord>*>(context)->emplace(live.address, live);
      },
      &all);
  return all;
}

TEST_F(Sampler, ARecordCarriesEverythingAndDiesWithItsObject) {
  os::Fake fake;
  fake.setClock(1000, 0);
  initialise();
  const RecordId id = sample(0x7000, 100, 112, 4096, Kind::kMemalign, 64);
  ASSERT_NE(id, 0u);
  EXPECT_EQ(addressOf(id), reinterpret_cast<void*>(0x7000));
  ASSERT_EQ(records().size(), 1u);
  const LiveRecord live = records().at(0x7000);
  EXPECT_EQ(live.requested, 100u);
  EXPECT_EQ(live.allocated, 112u);
  EXPECT_EQ(live.interval, 4096u);
  EXPECT_EQ(live.alignment, 64u);
  EXPECT_EQ(live.kind, Kind::kMemalign);
  EXPECT_EQ(live.threadId, os::threadId());
  EXPECT_EQ(live.bornNanos, 1000u);
  ASSERT_EQ(sites().size(), 1u);
  EXPECT_EQ(live.siteId, sites()[0].site.id);
  EXPECT_NEAR(sites()[0].site.liveBytes, 112 / -std::expm1(-112.0 / 4096), 1e-6);
  EXPECT_NEAR(sites()[0].site.liveRequested, 100 / -std::expm1(-112.0 / 4096), 1e-6);

  fake.advanceClock(700);
  die(id);
  EXPECT_TRUE(records().empty());
  const Site site = sites()[0].site;
  EXPECT_EQ(site.rawFrees, 1u);
  EXPECT_EQ(site.liveBytes, 0);
  EXPECT_EQ(sites()[0].lifetime[9], 1u) << "700 ns lies in [512, 1024)";
  EXPECT_GT(site.allocBytes, 0);
  EXPECT_EQ(statistics().liveRecords, 0u);
  EXPECT_EQ(statistics().recordsEver, 1u);
}

TEST_F(Sampler, KindSizeAndCallerTellSitesApart) {
  initialise();
  volatile int three = 3;  // keeps each loop one call in the code
  for (int i = 0; i < three; ++i) sample(0x1000, 10, 16, 1);
  sample(0x1000, 10, 16, 1);
  ASSERT_EQ(sites().size(), 2u) << "two callers";
  for (int i = 0; i < three; ++i) {
    sample(0x1000, 10, i == 1 ? 32 : 16, 1, i == 2 ? Kind::kNew : Kind::kMalloc);
  }
  EXPECT_EQ(sites().size(), 5u) << "one more caller with two sizes, one of them of two kinds";
  EXPECT_EQ(statistics().stacks, 3u);
}

TEST_F(Sampler, ErrnoIsPreserved) {
  initialise();
  errno = 4711;
  const RecordId id = sample(0x1000, 10, 16, 1);
  EXPECT_EQ(errno, 4711);
  base::Random random(1);
  const RecordId kept = resize(lane, id, 8, 8, random);
  EXPECT_EQ(errno, 4711);
  die(kept);
  EXPECT_EQ(errno, 4711);
}

TEST_F(Sampler, BeforeInitialiseTheLeafIsKeptWithTheReason) {
  ASSERT_NE(sample(0x1000, 10, 16, 1), 0u);
  const auto all = sites();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].frames.size(), 1u);
  EXPECT_THAT(all[0].site.failure, ::testing::HasSubstr("[unwind failed: "));
}

TEST_F(Sampler, ShrinkingKeepsASampleWithTheRatioOfProbabilities) {
  initialise();
  base::Random random(77);
  constexpr int kObjects = 20'000;
  constexpr std::uint64_t kInterval = 65536;
  int kept = 0;
  for (int i = 0; i < kObjects; ++i) {
    const RecordId id = sample(0x1000, 100'000, 100'000, kInterval);
    const RecordId left = resize(lane, id, 20'000, 20'000, random);
    if (left == 0) continue;
    EXPECT_EQ(left, id);
    ++kept;
    die(left);
  }
  const double ratio = std::expm1(-20'000.0 / kInterval) / std::expm1(-100'000.0 / kInterval);
  EXPECT_NEAR(static_cast<double>(kept) / kObjects, ratio, 4 * std::sqrt(ratio * (1 - ratio) / kObjects));
  EXPECT_EQ(statistics().liveRecords, 0u);
  for (const SiteCopy& copy : sites()) EXPECT_EQ(copy.site.rawLive, 0u);
}

TEST_F(Sampler, GrowingKeepsTheSampleAndChangesItsSite) {
  os::Fake fake;
  fake.setClock(1000, 0);
  initialise();
  base::Random random(1);
  const RecordId id = sample(0x1000, 100, 112, 4096);
  fake.advanceClock(5);
  ASSERT_EQ(resize(lane, id, 5000, 8192, random), id);
  const LiveRecord live = records().at(0x1000);
  EXPECT_EQ(live.requested, 5000u);
  EXPECT_EQ(live.allocated, 8192u);
  EXPECT_EQ(live.bornNanos, 1000u) << "the object is as old as before";
  const auto all = sites();
  ASSERT_EQ(all.size(), 2u);
  for (const SiteCopy& copy : all) {
    if (copy.site.allocatedSize == 112) {
      EXPECT_EQ(copy.site.rawAllocations, 1u);
      EXPECT_EQ(copy.site.rawFrees, 1u);
      EXPECT_EQ(copy.site.rawLive, 0u);
      EXPECT_EQ(copy.lifetime, std::vector<std::uint32_t>(kLifetimeBuckets)) << "no life ended";
    } else {
      EXPECT_EQ(copy.site.id, live.siteId);
      EXPECT_EQ(copy.frames, all[0].frames);
      EXPECT_EQ(copy.site.rawLive, 1u);
      EXPECT_NEAR(copy.site.liveBytes, 8192 / -std::expm1(-2.0), 1e-6);
    }
  }
}

TEST_F(Sampler, ANewRequestWithinTheClassMovesOnlyTheRequestedFigure) {
  initialise();
  base::Random random(1);
  const RecordId id = sample(0x1000, 100, 112, 1);
  ASSERT_EQ(resize(lane, id, 105, 112, random), id);
  ASSERT_EQ(sites().size(), 1u);
  EXPECT_EQ(sites()[0].site.liveRequested, 105);
  EXPECT_EQ(sites()[0].site.liveBytes, 112);
  EXPECT_EQ(sites()[0].site.rawAllocations, 1u);
}

TEST_F(Sampler, SlabChainsBelongToTheHeap) {
  initialise();
  const RecordId a = sample(0x1000, 10, 16, 1);
  const RecordId b = sample(0x2000, 10, 16, 1);
  EXPECT_EQ(nextInSlab(a), 0u);
  setNextInSlab(a, b);
  EXPECT_EQ(nextInSlab(a), b);
  die(a);
  EXPECT_EQ(nextInSlab(sample(0x3000, 10, 16, 1)), 0u) << "a reused slot must not keep its old chain";
}

TEST_F(Sampler, LostSamplesAreCountedAndLeaveCumulativeFiguresAlone) {
  initialise();
  const RecordId id = sample(0x1000, 10, 16, 4096);
  const double allocated = sites()[0].site.allocBytes;
  const std::uint64_t lost = statistics().lostRecords;
  lose(lane, id);
  EXPECT_EQ(statistics().lostRecords, lost + 1);
  const Site site = sites()[0].site;
  EXPECT_EQ(site.allocBytes, allocated);
  EXPECT_EQ(site.rawAllocations, 1u);
  EXPECT_EQ(site.rawFrees, 0u);
  EXPECT_EQ(site.rawLive, 0u);
  EXPECT_EQ(site.liveBytes, 0);
}

TEST_F(Sampler, AtTheCapTheIntervalDoublesAndMemoryStaysBounded) {
  setenv("HEAPPROF", "sample=64,records=1m,dump=none", 1);
  initialise();
  ASSERT_EQ(intervalBytes(), 64u);
  std::size_t lostAt = 0;
  // 64 bytes a record: the cap of 1 MiB is reached after some 13,000.
  for (std::uintptr_t i = 1; i < 200'000; ++i) {
    if (sample(i * 16, 16, 16, intervalBytes()) == 0 && lostAt == 0) lostAt = i;
  }
  const Statistics seen = statistics();
  EXPECT_GT(seen.intervalDoublings, 0u);
  EXPECT_GE(intervalBytes(), 64u << 7) << "eight doublings before anything is lost";
  EXPECT_GT(lostAt, 16'384u);
  EXPECT_EQ(seen.lostRecords + seen.recordsEver, 199'999u);
  EXPECT_LT(meta::mappedBytes(meta::Purpose::kSampler), std::size_t{4} << 20);
}

TEST_F(Sampler, EveryAllocationModeHasNoCap) {
  setenv("HEAPPROF", "sample=1,records=64k,dump=none", 1);
  initialise();
  for (std::uintptr_t i = 1; i <= 100'000; ++i) ASSERT_NE(sample(i * 16, 16, 16, 1), 0u);
  EXPECT_EQ(statistics().liveRecords, 100'000u);
  EXPECT_EQ(statistics().intervalDoublings, 0u);
  EXPECT_EQ(intervalBytes(), 1u);
}

TEST_F(Sampler, EveryAllocationModeStopsWithOneLineWhenMemoryEnds) {
  setenv("HEAPPROF", "sample=1,dump=none", 1);
  initialise();
  os::Fake fake;
  fake.failNth(os::CallKind::kMapMetadata, 1, 1'000'000);
  ::testing::internal::CaptureStderr();
  std::uintptr_t i = 1;
  while (sample(i * 16, 16, 16, 1) != 0) ++i;
  for (int more = 0; more < 5; ++more) EXPECT_EQ(sample(0x10, 16, 16, 1), 0u);
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
  EXPECT_THAT(lines, ::testing::HasSubstr("sample=1"));
  EXPECT_EQ(intervalBytes(), 0u);
  EXPECT_EQ(statistics().lostRecords, 6u);
  EXPECT_EQ(records().size(), i - 1) << "what was recorded stays";
}

// The Nth mapping fails, for every N until all goes well: never a crash, never a wrong figure.
TEST_F(Sampler, EveryRefusalOfMemoryIsSurvived) {
  for (std::uint64_t failing = 1; failing <= 12; ++failing) {
    EXPECT_EXIT(
        {
          os::Fake fake;
          fake.failNth(os::CallKind::kMapMetadata, failing);
          setenv("HEAPPROF", "sample=64,log=0,dump=none", 1);
          initialise();
          std::uint64_t made = 0;
          for (std::uintptr_t i = 1; i < 3000; ++i) {
            if (sample(i * 16, i, i + i % 7, 64, i % 2 == 0 ? Kind::kNew : Kind::kMalloc) != 0) ++made;
          }
          std::uint64_t live = 0;
          for (const SiteCopy& copy : sites()) live += copy.site.rawLive;
          const bool right = live == made && records().size() == made && statistics().liveRecords == made &&
                             statistics().lostRecords == 2999 - made;
          _exit(right ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), "")
        << "mapping " << failing;
  }
}

TEST_F(Sampler, TheIntervalIsBounded) {
  setIntervalBytes(~std::uint64_t{0});
  EXPECT_EQ(intervalBytes(), std::uint64_t{1} << 40);
  setIntervalBytes(0);
  EXPECT_EQ(intervalBytes(), 0u);
}

}  // namespace
}  // namespace heapprof::sampling
