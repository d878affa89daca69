// What a dump says, against what this process knows of itself.
#include <cerrno>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <map>
#include <numeric>
#include <set>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "formats/pprof/read_profile.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/inspect.h"
#include "runtime/heap/samples.h"
#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "runtime/pages/forming.h"
#include "runtime/pages/huge.h"
#include "runtime/sampling/read.h"
#include "tests/runtime/introspect/support.h"
#include "tests/sanitizers.h"

namespace heapprof::tests {
namespace {

using testing::ElementsAre;

TEST(Dump, SampleTypesAreGosInOrderThenOurs) {
  const Scratch scratch;
  const auto profile = dumpNow(scratch);
  std::vector<std::string> types;
  for (const auto& type : profile.sampleTypes) {
    types.push_back(profile.strings[type.type] + "/" + profile.strings[type.unit]);
  }
  EXPECT_THAT(types, ElementsAre("alloc_objects/count", "alloc_space/bytes", "inuse_objects/count",
                                 "inuse_space/bytes", "inuse_requested/bytes", "peak_space/bytes"));
  EXPECT_EQ(profile.strings[profile.defaultSampleType], "inuse_space");
  EXPECT_EQ(profile.strings[profile.periodType.type], "space");
}

TEST(Dump, EveryAllocationIsThereToTheByteAtIntervalOne) {
  const Scratch scratch;
  Objects objects;
  const auto before = dumpNow(scratch, "before");
  {
    const Sampling sampling(1);
    objects.add(1000, 100);
    objects.add(10, 300000);
  }
  const auto after = dumpNow(scratch, "after");
  const auto grown = [&](const char* type) { return total(after, type) - total(before, type); };
  EXPECT_EQ(grown("alloc_objects"), 1010);
  EXPECT_EQ(grown("inuse_objects"), 1010);
  EXPECT_EQ(grown("inuse_requested"), 1000 * 100 + 10 * 300000);
  std::int64_t allocated = 0;
  for (void* object : objects.all()) allocated += static_cast<std::int64_t>(hp_malloc_usable_size(object));
  EXPECT_EQ(grown("inuse_space"), allocated);
  objects.freeAll();
  const auto freed = dumpNow(scratch, "freed");
  EXPECT_EQ(total(freed, "inuse_space"), total(before, "inuse_space"));
  EXPECT_EQ(total(freed, "alloc_space"), total(after, "alloc_space"));
}

#if defined(HEAPPROF_TEST_SANITIZED)
constexpr std::uintptr_t kMostCodeOfAdd = 8000;  // checks swell it
#else
constexpr std::uintptr_t kMostCodeOfAdd = 2000;
#endif

// The leaf of the stack is the code that called malloc: inside Objects::add.
TEST(Dump, TheLeafFrameIsTheCallOfMalloc) {
  const Scratch scratch;
  Objects objects;
  const Sampling sampling(1);
  objects.add(3, 7777);
  const auto profile = dumpNow(scratch);
  const auto member = &Objects::add;
  std::uintptr_t start = 0;
  std::memcpy(&start, &member, sizeof start);  // the Itanium ABI keeps the address first
  bool found = false;
  const std::size_t types = profile.sampleTypes.size();
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    if (profile.samples.values[i * types + 4] != 3 * 7777) continue;
    const auto leaf = profile.samples.locationsOf(i).front();
    const std::uint64_t address = profile.locations.address[leaf];
    EXPECT_GT(address, start);
    EXPECT_LT(address, start + kMostCodeOfAdd);
    ASSERT_NE(profile.locations.mapping[leaf], formats::kNoRow);
    const auto& mapping = profile.mappings[profile.locations.mapping[leaf]];
    EXPECT_LE(mapping.start, address);
    EXPECT_GT(mapping.limit, address);
    found = true;
  }
  EXPECT_TRUE(found);
}

// The build id as the loader sees it: another way to the same note.
std::string buildIdOfMain() {
  std::string out;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* context) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
          const auto* at =
              reinterpret_cast<const unsigned char*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
          const unsigned char* end = at + info->dlpi_phdr[i].p_memsz;
          while (at + 12 <= end) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            const unsigned char* id = at + 12 + (note.n_namesz + 3) / 4 * 4;
            if (note.n_type == NT_GNU_BUILD_ID) {
              for (unsigned k = 0; k < note.n_descsz; ++k) {
                char hex[3];
                snprintf(hex, sizeof hex, "%02x", id[k]);
                *static_cast<std::string*>(context) += hex;
              }
              return 1;
            }
            at = id + (note.n_descsz + 3) / 4 * 4;
          }
        }
        return 1;  // the first object is the main program
      },
      &out);
  return out;
}

TEST(Dump, MappingZeroIsTheMainBinaryWithItsBuildId) {
  const Scratch scratch;
  const auto profile = dumpNow(scratch);
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  ASSERT_GT(length, 0);
  ASSERT_FALSE(profile.mappings.empty());
  EXPECT_EQ(profile.strings[profile.mappings[0].file], std::string(self, static_cast<std::size_t>(length)));
  const std::string id = buildIdOfMain();
  ASSERT_FALSE(id.empty()) << "link the test with --build-id";
  EXPECT_EQ(profile.strings[profile.mappings[0].buildId], id);
  bool vdso = false;
  for (const auto& mapping : profile.mappings) vdso = vdso || profile.strings[mapping.file] == "[vdso]";
  EXPECT_TRUE(vdso);
}

TEST(Dump, LibprotobufReadsItAndColumnsAreOfEqualLength) {
  const Scratch scratch;
  Objects objects;
  const Sampling sampling(1);
  objects.add(20000, 48);  // several chunks of live samples
  objects.add(300, 20000);
  ASSERT_EQ(heapprof_dump(scratch.path("d").c_str()), 0);
  const pprof::Profile profile = parseDump(scratch.path("d"));
  EXPECT_EQ(profile.GetReflection()->GetUnknownFields(profile).field_count(), 0);
  const auto& heap = profile.heap_snapshot();
  const auto& samples = heap.samples();
  EXPECT_GE(samples.address_size(), 20300);
  for (const int size : {samples.allocated_bytes_size(), samples.requested_bytes_size(), samples.stack_size(),
                         samples.thread_size(), samples.age_nanos_size(), samples.kind_size(),
                         samples.interval_bytes_size(), samples.alignment_size()}) {
    EXPECT_EQ(size, samples.address_size());
  }
  const auto& extents = heap.extents();
  for (const int size : {extents.length_bytes_size(), extents.kind_size(), extents.class_size_size(),
                         extents.live_objects_size(), extents.capacity_objects_size(),
                         extents.resident_bytes_size(), extents.owner_size()}) {
    EXPECT_EQ(size, extents.start_delta_size());
  }
  const auto& pages = heap.huge_pages();
  const int rows = pages.index_delta_size();
  EXPECT_GT(rows, 0);
  EXPECT_EQ(pages.used_granules_size(), rows);
  EXPECT_EQ(pages.backed_granules_size(), rows);
  EXPECT_EQ(pages.kernel_state_size(), rows);
  EXPECT_EQ(pages.live_bytes_size(), rows);
  EXPECT_EQ(static_cast<std::uint64_t>(pages.resident_pages_size()),
            static_cast<std::uint64_t>(rows) *
                (heap.header().geometry().placement_bytes() / heap.header().geometry().page_bytes() / 64));
  EXPECT_EQ(heap.stacks().id_size(), profile.sample_size());
  EXPECT_EQ(heap.stacks().lifetime_buckets_size(), 48 * profile.sample_size());
}

TEST(Dump, EveryLiveSampleNamesAStackOfTheFileAndLiesInAnExtentOfItsClass) {
  const Scratch scratch;
  Objects objects;
  const Sampling sampling(4096);
  for (const std::size_t bytes : {24u, 500u, 5000u, 50000u, 500000u}) objects.add(2000000 / bytes, bytes);
  objects.freeEverySecond();
  const auto profile = dumpNow(scratch);
  const auto& heap = profile.heapSnapshot;
  const std::set<std::uint64_t> ids(heap.stacks().id().begin(), heap.stacks().id().end());
  struct Row {
    std::uint64_t end, classSize;
  };
  std::map<std::uint64_t, Row> extents;
  for (int i = 0; i < heap.extents().start_delta_size(); ++i) {
    const std::uint64_t start = heap.extents().start_delta(i);  // the reader made it absolute
    extents[start] = Row{start + heap.extents().length_bytes(i), heap.extents().class_size(i)};
  }
  ASSERT_GT(heap.samples().address_size(), 500);
  for (int i = 0; i < heap.samples().address_size(); ++i) {
    EXPECT_EQ(ids.count(heap.samples().stack(i)), 1u);
    const std::uint64_t address = heap.samples().address(i);
    auto at = extents.upper_bound(address);
    ASSERT_NE(at, extents.begin());
    --at;
    EXPECT_LT(address, at->second.end);
    EXPECT_EQ(at->second.classSize, heap.samples().allocated_bytes(i));
  }
}

TEST(Dump, ExtentsCoverTheRegionWithoutGapOrOverlap) {
  const Scratch scratch;
  Objects objects;
  objects.add(5000, 200);
  objects.add(50, 100000);
  objects.freeEverySecond();
  const auto profile = dumpNow(scratch);
  const auto& extents = profile.heapSnapshot.extents();
  ASSERT_GT(extents.start_delta_size(), 2);
  for (int i = 1; i < extents.start_delta_size(); ++i) {
    EXPECT_EQ(extents.start_delta(i), extents.start_delta(i - 1) + extents.length_bytes(i - 1)) << i;
  }
  const heap::Region region = heap::region();
  EXPECT_LE(extents.start_delta(extents.start_delta_size() - 1), region.start + region.usedBytes);
}

TEST(Dump, SizeClassesCountWhatTheProgramHolds) {
  const Scratch scratch;
  const auto rowOf = [](const formats::ProfileColumns& profile, std::uint64_t size) {
    const auto& classes = profile.heapSnapshot.size_classes();
    for (int i = 0; i < classes.size_size(); ++i) {
      if (classes.size(i) == size) return classes.live_objects(i);
    }
    return ~std::uint64_t{0};
  };
  Objects objects;
  objects.add(1, 3000);
  const std::size_t size = hp_malloc_usable_size(objects.all()[0]);
  const auto before = dumpNow(scratch, "before");
  objects.add(5000, 3000);
  const auto after = dumpNow(scratch, "after");
  EXPECT_EQ(rowOf(after, size) - rowOf(before, size), 5000u);
}

TEST(Dump, RequestedIsUnknownWhereNothingWasSampled) {
  std::uint64_t live = 0;
  heap::settleSamples();
  sampling::forEachLive([](void* n, const sampling::LiveRecord&) { ++*static_cast<std::uint64_t*>(n); },
                        &live);
  ASSERT_EQ(live, 0u) << "another test leaked a sample";
  const Scratch scratch;
  Objects objects;
  objects.add(1000, 100);
  const auto profile = dumpNow(scratch);
  const auto& totals = profile.heapSnapshot.totals();
  EXPECT_TRUE(totals.has_live_bytes());
  EXPECT_FALSE(totals.has_requested_bytes());
  EXPECT_FALSE(totals.has_internal_slack_bytes());
  EXPECT_EQ(profile.heapSnapshot.size_classes().requested_bytes_size(), 0);
  EXPECT_FALSE(profile.heapSnapshot.header().has_sampling_interval_bytes());
}

TEST(Dump, TheHeaderKnowsTheProcess) {
  const Scratch scratch;
  const Sampling sampling(65536);
  const auto profile = dumpNow(scratch);
  const auto& heap = profile.heapSnapshot;
  EXPECT_EQ(heap.header().pid(), static_cast<std::uint64_t>(getpid()));
  EXPECT_EQ(heap.header().reason(), heapprof::API);
  EXPECT_EQ(heap.header().format_version(), 1u);
  EXPECT_EQ(heap.header().sampling_interval_bytes(), 65536u);
  EXPECT_EQ(heap.header().geometry().page_bytes(), os::geometry().pageBytes);
  EXPECT_EQ(heap.header().geometry().region_start(), heap::region().start);
  EXPECT_GT(heap.header().capabilities_size(), 4);
  EXPECT_EQ(heap.header().option_keys_size(), heap.header().option_values_size());
  EXPECT_GT(heap.header().option_keys_size(), 0);
  EXPECT_EQ(heap.string_table(static_cast<int>(heap.header().runtime_version())), heapprof_version());
  EXPECT_GE(heap.header().dump_time_nanos(), heap.header().start_time_nanos());
}

TEST(Dump, SaysWhichUnitsWereFormedAndWhyOthersWereNot) {
  const Scratch scratch;
  Objects objects;
  objects.add(16, 1 << 20);  // whole units of it, every page touched
  {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    os::Fake fake;
    fake.setClock(500'000 * kSecond, 500'000 * kSecond);
    fake.failNth(os::CallKind::kCollapse, 2, 0, EBUSY);
    pages::restartForming();
    for (int i = 0; i < 30; ++i) {
      fake.advanceClock(kSecond / 10);
      pages::formHugePages(true);
    }
  }
  if (pages::hugeUnits() == 0) GTEST_SKIP() << "this kernel, as it is set, forms no huge page of 2 MiB";
  const auto profile = dumpNow(scratch);
  const auto& purges = profile.heapSnapshot.purges();
  EXPECT_GE(purges.collapses(), 1u);
  ASSERT_EQ(purges.collapse_failure_errno_size(), 1);
  EXPECT_EQ(purges.collapse_failure_errno(0), static_cast<std::uint64_t>(EBUSY));
  EXPECT_EQ(purges.collapse_failure_count(0), 1u);
  EXPECT_EQ(purges.collapse_failures(), 1u);
  EXPECT_TRUE(purges.has_huge_pages_broken());
  const auto& units = profile.heapSnapshot.huge_pages();
  ASSERT_EQ(units.formed_size(), units.index_delta_size());
  std::uint64_t formed = 0;
  for (int i = 0; i < units.formed_size(); ++i) {
    formed += units.formed(i);
    if (units.formed(i) != 0 && units.kernel_state_size() != 0) {
      EXPECT_EQ(units.kernel_state(i), static_cast<std::uint32_t>(heapprof::KERNEL_HUGE));
    }
  }
  EXPECT_EQ(formed, pages::hugeUnits());
  const auto& heap = profile.heapSnapshot;
  bool said = false;
  for (const auto& row : heap.header().capabilities()) {
    if (heap.string_table(static_cast<int>(row.name())) != "madv_collapse") continue;
    said = true;
    EXPECT_EQ(row.state(), heapprof::WORKS);
  }
  EXPECT_TRUE(said);
}

TEST(Dump, SaysWhichSmallerHugePagesTheKernelHas) {
  char word[os::kSettingBytes];
  const std::size_t bytes = 16 * os::geometry().pageBytes;
  if (!os::readSizeSetting(bytes, word)) GTEST_SKIP() << "one size of huge pages here (Linux 6.8)";
  const Scratch scratch;
  const auto profile = dumpNow(scratch);
  const auto& heap = profile.heapSnapshot;
  std::string said;
  for (const auto& row : heap.header().capabilities()) {
    if (heap.string_table(static_cast<int>(row.name())) != "mthp") continue;
    EXPECT_EQ(row.state(), heapprof::WORKS);
    said = heap.string_table(static_cast<int>(row.detail()));
  }
  EXPECT_THAT(said, testing::HasSubstr(std::to_string(bytes >> 10) + "kB " + word));
}

TEST(Dump, SaysWhatPurgingReturned) {
  const Scratch scratch;
  {
    Objects objects;
    objects.add(64, 200000);
  }
  heap::releaseFreeMemory();
  const auto profile = dumpNow(scratch);
  const auto& purges = profile.heapSnapshot.purges();
  ASSERT_GT(purges.events_size(), 0);
  EXPECT_GE(purges.passes(), static_cast<std::uint64_t>(purges.events_size()));
  EXPECT_GE(purges.advised_bytes(), 64u * 200000);
  EXPECT_GE(purges.resident_before_bytes(), purges.returned_bytes());
  EXPECT_GE(purges.returned_bytes(), 64u * 200000);
  EXPECT_GT(purges.time_nanos(), 0u);
  EXPECT_TRUE(purges.has_refaulted_60s_bytes());
  const auto sumOf = [](const heapprof::Histogram& histogram) {
    return std::accumulate(histogram.count().begin(), histogram.count().end(), std::uint64_t{0});
  };
  EXPECT_EQ(sumOf(purges.bytes_histogram()), purges.passes());
  EXPECT_EQ(sumOf(purges.time_histogram()), purges.passes());
  EXPECT_TRUE(purges.has_refault_age_histogram());
  // Each pass is where its bytes say, so what they advised together lies between the ends of their buckets.
  std::uint64_t least = 0;
  for (int i = 0; i < purges.bytes_histogram().count_size(); ++i)
    least += purges.bytes_histogram().count(i) << i;
  EXPECT_GE(purges.advised_bytes(), least);
  EXPECT_LE(purges.advised_bytes(), 2 * least);
  const auto& last = purges.events(purges.events_size() - 1);
  EXPECT_EQ(last.reason(), heapprof::PURGE_API);
  EXPECT_GT(last.returned_bytes(), 0u);
  EXPECT_GE(last.time_nanos(), profile.heapSnapshot.header().start_time_nanos());
  EXPECT_LE(last.time_nanos(), profile.heapSnapshot.header().dump_time_nanos());
}

}  // namespace
}  // namespace heapprof::tests
