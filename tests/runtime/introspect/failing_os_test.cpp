// Every call to the kernel that a dump makes fails once, the Nth for every N: the file is whole or absent,
// always.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "runtime/os/fake.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {
namespace {

using os::CallKind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kAllOfThem = std::uint64_t{1} << 40;

class EachCallFails : public testing::TestWithParam<CallKind> {};

TEST_P(EachCallFails, TheFileIsWholeOrAbsent) {
  const Scratch scratch;
  const std::string path = scratch.path("dump");
  const Sampling sampling(1024);
  Objects objects;
  objects.add(2000, 100);
  objects.add(20, 100000);
  bool reached = true;
  int whole = 0;
  for (std::uint64_t n = 1; reached; ++n) {
    ASSERT_LT(n, 5000u);
    int error = 0;
    {
      os::Fake fake;
      fake.failNth(GetParam(), n);
      error = heapprof_dump(path.c_str());
      reached = fake.failures() != 0;
    }
    if (error == 0) {
      EXPECT_THAT(scratch.files(), ElementsAre("dump")) << n;
      readDump(path);
      ASSERT_EQ(unlink(path.c_str()), 0);
      ++whole;
    } else {
      EXPECT_TRUE(reached) << "call " << n << " did not fail, yet the dump did with " << error;
      EXPECT_THAT(scratch.files(), IsEmpty()) << "call " << n;
    }
  }
  EXPECT_GT(whole, 0);
}

struct Row {
  CallKind kind;
  const char* name;
};
constexpr Row kMadeByDumps[] = {
    {CallKind::kDiscard, "Discard"},
    {CallKind::kMapMetadata, "MapMetadata"},
    {CallKind::kOpenRead, "OpenRead"},
    {CallKind::kCreateNew, "CreateNew"},
    {CallKind::kRead, "Read"},
    {CallKind::kWrite, "Write"},
    {CallKind::kClose, "Close"},
    {CallKind::kRename, "Rename"},
    {CallKind::kPagemapScan, "PagemapScan"},
};

std::vector<CallKind> kindsMadeByDumps() {
  std::vector<CallKind> kinds;
  for (const Row& row : kMadeByDumps) kinds.push_back(row.kind);
  return kinds;
}

std::string nameOf(const testing::TestParamInfo<CallKind>& info) {
  return kMadeByDumps[info.index].name;
}

INSTANTIATE_TEST_SUITE_P(Dump, EachCallFails, testing::ValuesIn(kindsMadeByDumps()), nameOf);

formats::ProfileColumns dumpWhile(const Scratch& scratch, CallKind kind, const char* name) {
  os::Fake fake;
  fake.failNth(kind, 1, kAllOfThem);
  return dumpNow(scratch, name);
}

TEST(DumpWithoutKernel, WhatCannotBeReadIsUnknownAndNeverZero) {
  const Scratch scratch;
  Objects objects;
  objects.add(1000, 100);
  const auto profile = dumpWhile(scratch, CallKind::kOpenRead, "blind");
  const auto& totals = profile.heapSnapshot.totals();
  EXPECT_FALSE(totals.has_kernel_rss_bytes());
  EXPECT_FALSE(totals.has_live_bytes());
  EXPECT_FALSE(totals.has_free_slot_bytes());
  EXPECT_FALSE(totals.has_thread_cache_bytes());
  EXPECT_FALSE(totals.has_dirty_bytes());
  EXPECT_FALSE(totals.has_metadata_bytes());
  EXPECT_FALSE(totals.has_sampler_bytes());
  EXPECT_FALSE(totals.has_other_mappings_bytes());
  EXPECT_FALSE(totals.has_untouched_bytes());
  EXPECT_FALSE(totals.has_huge_bytes());
  EXPECT_FALSE(totals.has_swapped_bytes());
  EXPECT_FALSE(totals.has_cgroup_charge_bytes());
  EXPECT_FALSE(totals.has_peak_rss_bytes());
  EXPECT_TRUE(totals.has_live_objects()) << "counted, not read";
  EXPECT_EQ(profile.heapSnapshot.extents().resident_bytes_size(), 0);
  EXPECT_EQ(profile.heapSnapshot.huge_pages().kernel_state_size(), 0);
  EXPECT_EQ(profile.heapSnapshot.huge_pages().resident_pages_size(), 0);
  EXPECT_EQ(profile.heapSnapshot.size_classes().resident_bytes_size(), 0);
  EXPECT_GT(profile.heapSnapshot.huge_pages().used_granules_size(), 0);
}

const heapprof::Capability* capability(const heapprof::HeapSnapshot& heap, const std::string& name) {
  for (const auto& row : heap.header().capabilities()) {
    if (heap.string_table(static_cast<int>(row.name())) == name) return &row;
  }
  return nullptr;
}

TEST(DumpWithoutPagemapScan, FallsBackToPagemapAndSaysSo) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the shadow is terabytes of mappings: their pagemap takes minutes to read";
#endif
  const Scratch scratch;
  Objects objects;
  objects.add(3000, 1000);
  const auto old = dumpWhile(scratch, CallKind::kPagemapScan, "old");
  const auto now = dumpNow(scratch, "now");
  const auto& heap = old.heapSnapshot;
  EXPECT_FALSE(heap.totals().has_huge_bytes());
  ASSERT_TRUE(heap.totals().has_live_bytes());
  const auto expected = static_cast<double>(now.heapSnapshot.totals().live_bytes());
  EXPECT_NEAR(static_cast<double>(heap.totals().live_bytes()), expected, expected * 0.02);
  ASSERT_NE(capability(heap, "pagemap_scan"), nullptr);
  EXPECT_NE(capability(heap, "pagemap_scan")->state(), heapprof::WORKS);
  EXPECT_EQ(capability(heap, "pagemap")->state(), heapprof::WORKS);
  for (int i = 0; i < heap.huge_pages().kernel_state_size(); ++i) {
    EXPECT_NE(heap.huge_pages().kernel_state(i), static_cast<std::uint32_t>(heapprof::KERNEL_HUGE));
  }
}

}  // namespace
}  // namespace heapprof::tests
