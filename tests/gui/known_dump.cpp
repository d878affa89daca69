#include "tests/gui/known_dump.h"

#include <QProcess>
#include <array>
#include <vector>

#include "formats/pprof/profile_columns.h"
#include "formats/pprof/write_profile.h"

namespace heapprof::test {
namespace {

using formats::ProfileColumns;
using formats::StringIndex;

constexpr std::uint64_t kRegion = 0x100000000000;
constexpr std::uint64_t kHugePage = 2u << 20;
constexpr std::uint64_t kGranule = 32u << 10;

StringIndex intern(ProfileColumns& columns, const std::string& text) {
  for (std::size_t i = 0; i < columns.strings.size(); ++i) {
    if (columns.strings[i] == text) return static_cast<StringIndex>(i);
  }
  columns.strings.push_back(text);
  return static_cast<StringIndex>(columns.strings.size() - 1);
}

void addFunctions(ProfileColumns& columns, bool isWrapped) {
  formats::Mapping mapping;
  mapping.id = 1;
  mapping.start = 0x400000;
  mapping.limit = 0x500000;
  mapping.file = intern(columns, "/usr/bin/known");
  mapping.hasFunctions = true;
  columns.mappings.push_back(mapping);
  std::array<const char*, 7> names{"main",        "parser::load", "alloc_big", "cache::fill",
                                   "alloc_small", "old::stay",    "alloc_gone"};
  if (isWrapped) names[2] = names[4] = "zmalloc";
  for (std::uint64_t i = 0; i < names.size(); ++i) {
    const StringIndex name = intern(columns, names[i]);
    columns.functions.id.push_back(i + 1);
    columns.functions.name.push_back(name);
    columns.functions.systemName.push_back(name);
    columns.functions.file.push_back(intern(columns, "known.cpp"));
    columns.functions.startLine.push_back(1);
    columns.locations.id.push_back(i + 1);
    columns.locations.mapping.push_back(0);
    columns.locations.address.push_back(0x400100 + i * 0x10);
    columns.locations.folded.push_back(0);
    columns.locations.lineFunction.push_back(static_cast<formats::Row>(i));
    columns.locations.lineNumber.push_back(static_cast<std::int64_t>(i) + 10);
    columns.locations.lineColumn.push_back(0);
    columns.locations.lineBegin.push_back(i + 1);
  }
}

void addSample(ProfileColumns& columns, std::array<formats::Row, 3> stack, double mebibytes) {
  for (const formats::Row location : stack) columns.samples.stacks.locations.push_back(location);
  columns.samples.takeStack();
  columns.samples.values.push_back(static_cast<std::int64_t>(mebibytes * 100));
  columns.samples.values.push_back(static_cast<std::int64_t>(mebibytes * kMiB));
  columns.samples.labelBegin.push_back(0);
}

void addTotals(heapprof::HeapSnapshot& heap, bool isBefore) {
  heapprof::Totals& totals = *heap.mutable_totals();
  const auto bytes = [](double mebibytes) { return static_cast<std::uint64_t>(mebibytes * kMiB); };
  totals.set_kernel_rss_bytes(bytes(isBefore ? 140 : 150));
  totals.set_live_bytes(bytes(100));
  totals.set_free_slot_bytes(bytes(isBefore ? 10 : 20));
  totals.set_thread_cache_bytes(0);
  totals.set_dirty_bytes(bytes(10));
  totals.set_metadata_bytes(bytes(5));
  totals.set_sampler_bytes(0);
  totals.set_other_mappings_bytes(bytes(14));
}

void addHugePages(heapprof::HeapSnapshot& heap, bool isBefore) {
  heapprof::Geometry& geometry = *heap.mutable_header()->mutable_geometry();
  geometry.set_page_bytes(4096);
  geometry.set_huge_page_bytes(kHugePage);
  geometry.set_granule_bytes(kGranule);
  geometry.set_placement_bytes(kHugePage);
  geometry.set_region_start(kRegion);
  geometry.set_region_bytes(std::uint64_t{4} << 30);
  struct Row {
    std::uint64_t index, used, backed, resident, live;
    heapprof::KernelState state;
  };
  const std::uint64_t all = ~std::uint64_t{0};
  const std::array<Row, 4> rows{
      {{0, all, all, kHugePage, kHugePage, heapprof::KERNEL_HUGE},
       {1, all >> 16, all, kHugePage, isBefore ? kHugePage : kHugePage / 2, heapprof::KERNEL_SMALL},
       {2, 0xff, all, kHugePage, kHugePage / 8, heapprof::KERNEL_SMALL},
       {600, 0, 0, 0, 0, heapprof::KERNEL_NONE}}};
  heapprof::HugePages& pages = *heap.mutable_huge_pages();
  heapprof::Extents& extents = *heap.mutable_extents();
  for (const Row& row : rows) {
    pages.add_index_delta(row.index);
    pages.add_used_granules(row.used);
    pages.add_backed_granules(row.backed);
    pages.add_kernel_state(static_cast<std::uint32_t>(row.state));
    pages.add_resident_bytes(row.resident);
    pages.add_live_bytes(row.live);
    for (int word = 0; word < 8; ++word) pages.add_resident_pages(row.resident != 0 ? all : 0);
    extents.add_start_delta(kRegion + row.index * kHugePage);
    extents.add_length_bytes(kHugePage);
    extents.add_kind(row.used != 0 ? heapprof::SMALL_SLAB : heapprof::FREE_PURGED);
    extents.add_class_size(row.used != 0 ? 64 : 0);
    extents.add_live_objects(row.live / 64);
    extents.add_capacity_objects(row.used != 0 ? kHugePage / 64 : 0);
    extents.add_resident_bytes(row.resident);
  }
}

}  // namespace

QString writeKnownDump(const QString& folder, const QString& name, Known which) {
  ProfileColumns columns;
  columns.sampleTypes = {{intern(columns, "inuse_objects"), intern(columns, "count")},
                         {intern(columns, "inuse_space"), intern(columns, "bytes")}};
  columns.periodType = columns.sampleTypes[1];
  columns.period = 4096;
  columns.defaultSampleType = columns.sampleTypes[1].type;
  addFunctions(columns, which == Known::kWrapped);
  const bool isBefore = which == Known::kBefore;
  const double alive = which == Known::kFreed ? 0 : 1;
  addSample(columns, {2, 1, 0}, alive * (isBefore ? 25 : 75));
  addSample(columns, {4, 3, 0}, alive * 25);
  if (isBefore) addSample(columns, {6, 5, 0}, 50);
  if (which != Known::kForeign) {
    columns.hasHeapSnapshot = true;
    heapprof::HeapSnapshot& heap = columns.heapSnapshot;
    heap.add_string_table("");
    heap.add_string_table("/usr/bin/known");
    heap.mutable_header()->set_format_version(1);
    heap.mutable_header()->set_program(1);
    heap.mutable_header()->set_pid(42);
    if (which == Known::kWrapped) {
      heap.add_string_table("known-server: worker");
      heap.mutable_header()->set_command_line(2);
    }
    heap.mutable_header()->set_sampling_interval_bytes(4096);
    addTotals(heap, isBefore);
    addHugePages(heap, isBefore);
  }
  const QString path = folder + u'/' + name;
  const absl::Status written = formats::writeProfile(columns, path.toStdString());
  return written.ok() ? path : QString();
}

namespace {

// `ages`: of its live objects, in seconds.
void addSite(heapprof::HeapSnapshot& heap, std::uint64_t id, const std::vector<double>& ages) {
  heapprof::Stacks& stacks = *heap.mutable_stacks();
  const auto objects = static_cast<double>(ages.size());
  stacks.add_id(id);
  stacks.add_sample_index(id - 1);
  stacks.add_raw_allocations(ages.size());
  stacks.add_raw_frees(0);
  stacks.add_raw_live(ages.size());
  stacks.add_variance_inuse_bytes(objects * kMiB * kMiB);
  stacks.add_variance_alloc_bytes(objects * kMiB * kMiB);
  for (int bucket = 0; bucket < 48; ++bucket) stacks.add_lifetime_buckets(0);
  heapprof::LiveSamples& samples = *heap.mutable_samples();
  for (const double age : ages) {
    samples.add_address(kRegion + static_cast<std::uint64_t>(samples.address_size()) * (1u << 20));
    samples.add_allocated_bytes(1u << 20);
    samples.add_requested_bytes(1u << 20);
    samples.add_stack(id);
    samples.add_age_nanos(static_cast<std::uint64_t>(age * 1e9));
    samples.add_interval_bytes(1u << 20);
  }
}

}  // namespace

QString writeLeakStep(const QString& folder, const QString& name, int step) {
  constexpr std::uint64_t kStart = 1'700'000'000'000'000'000, kMinute = 60'000'000'000;
  ProfileColumns columns;
  columns.sampleTypes = {{intern(columns, "inuse_objects"), intern(columns, "count")},
                         {intern(columns, "inuse_space"), intern(columns, "bytes")}};
  columns.periodType = columns.sampleTypes[1];
  columns.period = 1 << 20;
  columns.defaultSampleType = columns.sampleTypes[1].type;
  addFunctions(columns, false);
  addSample(columns, {2, 1, 0}, 10.0 * (step + 1));
  addSample(columns, {4, 3, 0}, 25);
  columns.hasHeapSnapshot = true;
  heapprof::HeapSnapshot& heap = columns.heapSnapshot;
  heap.add_string_table("");
  heap.mutable_header()->set_format_version(1);
  heap.mutable_header()->set_pid(42);
  heap.mutable_header()->set_start_time_nanos(kStart);
  heap.mutable_header()->set_dump_time_nanos(kStart + static_cast<std::uint64_t>(step + 1) * kMinute);
  heap.mutable_header()->set_sampling_interval_bytes(1 << 20);
  std::vector<double> leaked, kept;
  for (int i = 0; i < 10 * (step + 1); ++i) leaked.push_back(6 * i + 3);
  for (int i = 0; i < 25; ++i) kept.push_back(60 * step + 2 * i + 1);
  addSite(heap, 1, leaked);
  addSite(heap, 2, kept);
  const QString path = folder + u'/' + name;
  return formats::writeProfile(columns, path.toStdString()).ok() ? path : QString();
}

QString makeDump(const QString& program, const QString& folder, const QString& name,
                 const QStringList& flags) {
  const QString path = folder + u'/' + name;
  return QProcess::execute(program, QStringList(flags) << QStringLiteral("-o") << path) == 0 ? path
                                                                                             : QString();
}

}  // namespace heapprof::test
