// `purge` and `map` on dumps whose every event and page was laid by the test, read as a person does and cell
// by cell.
#include <algorithm>
#include <bit>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "profiler/analysis/map_tables.h"
#include "profiler/analysis/purge.h"
#include "profiler/report/map_text.h"
#include "profiler/report/purge_text.h"
#include "tests/profiler/support/laid_heap.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::report {
namespace {

using analysis::PurgeResult;
using test::LaidHeap, test::SnapshotMaker;
using testing::HasSubstr, testing::Not;

absl::optional<double> figure(const PurgeResult& result, absl::string_view id) {
  for (const auto& one : result.figures) {
    if (id == one.id) return one.value;
  }
  ADD_FAILURE() << id;
  return absl::nullopt;
}

TEST(Purge, AnOldDumpIsUnknownThroughoutAndNotZero) {
  LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "held"}});
  const model::Query query = queryOf(heap.dump(1, 1));
  const PurgeResult result = *analysis::purges(query);
  for (const auto& one : result.figures) EXPECT_FALSE(one.value.has_value()) << one.id;
  EXPECT_EQ(result.reasons.rows(), 0u);
  const std::string text = purgeText({query.snapshot.get(), nullptr, &result, 20, true});
  EXPECT_THAT(text, HasSubstr("whether purging paid is unknown"));
  EXPECT_THAT(text, HasSubstr("keeps no account of purging"));
  EXPECT_THAT(text, Not(HasSubstr("Returned                        0")));
}

TEST(Purge, StacksWithoutAHeapAreRefusedWithWhatToDo) {
  SnapshotMaker maker;
  maker.sample(maker.stack({"f"}), {1, 2});
  const absl::Status status = analysis::purges(queryOf(maker)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("heapprof run -- CMD"));
}

// Random events; the sums are taken again here, reason by reason, from the events themselves.
TEST(Purge, SumsByReasonAreThoseOfTheEventsAndUnknownFiguresStaySo) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    LaidHeap heap;
    heap.slabs.assign(4, {{"kept"}});
    SnapshotMaker maker = heap.dump(1, seed);
    maker.heap().mutable_header()->set_dump_time_nanos(1000000000000);
    heapprof::Purges& purges = *maker.heap().mutable_purges();
    std::map<int, std::array<double, 6>> truth;  // events, right, wrong, pending, advised, back in 60 s
    std::map<int, bool> known;
    for (int i = 0; i < 25; ++i) {
      heapprof::PurgeEvent& event = *purges.add_events();
      event.set_time_nanos(1000000000000 - random() % 90000000000);
      event.set_reason(static_cast<heapprof::PurgeReason>(random() % 9));  // some of a later version
      event.set_verdict(static_cast<heapprof::PurgeVerdict>(random() % 3));
      event.set_advised_bytes(random() % 1000000);
      const bool judged = random() % 3 == 0;
      if (judged) event.set_refaulted_60s_bytes(random() % 1000);
      const int reason = event.reason() > heapprof::PURGE_LARGE ? 0 : static_cast<int>(event.reason());
      std::array<double, 6>& sums = truth[reason];
      ++sums[0];
      ++sums[event.verdict() == heapprof::VERDICT_RIGHT   ? 1
             : event.verdict() == heapprof::VERDICT_WRONG ? 2
                                                          : 3];
      sums[4] += static_cast<double>(event.advised_bytes());
      sums[5] += static_cast<double>(event.refaulted_60s_bytes());
      known[reason] = known[reason] || judged;
    }
    const PurgeResult result = *analysis::purges(queryOf(maker));
    ASSERT_EQ(result.reasons.rows(), truth.size());
    std::size_t row = 0;
    for (const auto& [reason, sums] : truth) {
      std::size_t column = 0;
      for (const char* id : {"purges", "right", "wrong", "pending", "advised"}) {
        EXPECT_EQ(result.reasons.find(id)->values[row], sums[column++]) << id;
      }
      EXPECT_EQ(result.reasons.find("refaulted_60s")->isKnown(row), known[reason]);
      if (known[reason]) EXPECT_EQ(result.reasons.find("refaulted_60s")->values[row], sums[5]);
      ++row;
    }
    ASSERT_EQ(result.events.rows(), 25u);
    for (int i = 0; i < 25; ++i) {
      EXPECT_EQ(result.events.find("ago")->values[static_cast<std::size_t>(i)],
                1e12 - static_cast<double>(purges.events(i).time_nanos()));
      EXPECT_EQ(result.events.find("refaulted_60s")->isKnown(static_cast<std::size_t>(i)),
                purges.events(i).has_refaulted_60s_bytes());
    }
  }
}

TEST(Purge, RefusedHugePagesAreToldByCauseMostFirst) {
  LaidHeap heap;
  heap.slabs.assign(4, {{"kept"}});
  SnapshotMaker maker = heap.dump(1, 1);
  heapprof::Purges& purges = *maker.heap().mutable_purges();
  const std::pair<std::uint64_t, std::uint64_t> kRefused[] = {{0, 2}, {12, 40}, {16, 3}, {99, 1}};
  for (const auto& [error, count] : kRefused) {
    purges.add_collapse_failure_errno(error);
    purges.add_collapse_failure_count(count);
  }
  purges.set_collapse_failures(46);
  const model::Query query = queryOf(maker);
  const PurgeResult result = *analysis::purges(query);
  EXPECT_EQ(result.refusals.find("count")->values, (std::vector<double>{40, 3, 2, 1}));
  EXPECT_EQ(result.refusals.find("errno")->values, (std::vector<double>{12, 16, 0, 99}));
  EXPECT_EQ(result.refusals.find("cause")->texts,
            (std::vector<std::string>{"ENOMEM", "EBUSY", "others", "errno 99"}));
  const std::string text = purgeText({query.snapshot.get(), nullptr, &result});
  EXPECT_THAT(text, HasSubstr("refused to form, by cause"));
  EXPECT_THAT(text, HasSubstr("no huge page was free"));
  purges.clear_collapse_failure_errno();
  purges.clear_collapse_failure_count();
  const PurgeResult without = *analysis::purges(queryOf(maker));
  EXPECT_THAT(purgeText({query.snapshot.get(), nullptr, &without}), Not(HasSubstr("refused to form")));
}

TEST(Purge, SaysWhetherItPaidAndWhatBlocksTheRest) {
  LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "held"}});
  heap.dirtyAtEnd = 2 * test::kUnit;
  SnapshotMaker maker = heap.dump(1, 1);
  heapprof::Purges& purges = *maker.heap().mutable_purges();
  purges.set_passes(3);
  purges.set_advised_bytes(12 << 20);
  purges.set_returned_bytes(10 << 20);
  purges.set_refaulted_60s_bytes(6 << 20);
  purges.mutable_refault_age_histogram()->add_count(0);
  purges.mutable_refault_age_histogram()->add_count(7);
  const model::Query query = queryOf(maker);
  const PurgeResult result = *analysis::purges(query);
  EXPECT_EQ(figure(result, "passes"), 3.0);
  EXPECT_EQ(figure(result, "returned"), 10.0 * (1 << 20));
  EXPECT_EQ(figure(result, "refaulted_1s"), absl::nullopt);
  ASSERT_EQ(result.histograms.size(), 3u);
  const model::Table& ages = result.histograms[2];
  ASSERT_EQ(ages.rows(), 1u);
  EXPECT_EQ(ages.find("from")->values[0], 2);
  EXPECT_EQ(ages.find("to")->values[0], 4);
  EXPECT_EQ(ages.find("count")->values[0], 7);
  // The levels are frag's: one implementation, the same figures.
  const analysis::FragResult frag = *analysis::fragmentation(query);
  double free = 0;
  for (std::size_t row = 0; row < 3; ++row) free += result.blocked.find("bytes")->values[row];
  const model::Column& levels = *frag.levels.find("bytes");
  EXPECT_EQ(free, levels.values[1] + levels.values[2] + levels.values[3]);
  EXPECT_GT(free, 2.0 * static_cast<double>(test::kUnit) - 1);
  EXPECT_FALSE(result.blocked.find("bytes")->isKnown(4)) << "hostage bytes are not in this dump";
  const std::string text = purgeText({query.snapshot.get(), nullptr, &result});
  EXPECT_THAT(text, testing::StartsWith("made.pb.gz: purging does not pay"));
  EXPECT_THAT(text, HasSubstr("Of 10MB returned, 6MB (60.0%) was needed again within a minute."));
  EXPECT_THAT(text, HasSubstr("kept"));
}

// The bound against the values themselves, sorted: no more than the share is above it, and half the bound is
// too low.
TEST(Purge, BoundsOfASpreadHoldForTheValuesBehindIt) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint64_t> values;
    heapprof::Histogram histogram;
    for (std::uint64_t n = 1 + random() % 300; n > 0; --n) {
      values.push_back(random() >> (17 + random() % 47));
      const int bucket = static_cast<int>(std::bit_width(values.back() | 1)) - 1;
      while (histogram.count_size() <= bucket) histogram.add_count(0);
      histogram.set_count(bucket, histogram.count(bucket) + 1);
    }
    std::sort(values.begin(), values.end());
    heapprof::Purges purges;
    *purges.mutable_time_histogram() = histogram;
    PurgeResult result;
    addSpreads(purges, result);
    const PurgeResult::Spread& spread = result.spreads[1];
    EXPECT_FALSE(result.spreads[0].counted || result.spreads[0].half);
    ASSERT_TRUE(spread.counted && spread.half && spread.mostOf90 && spread.mostOf99);
    for (const auto& [bound, share] : {std::pair(*spread.half, 0.5), std::pair(*spread.mostOf90, 0.9),
                                       std::pair(*spread.mostOf99, 0.99)}) {
      const auto below = [&](double limit) {
        return static_cast<double>(std::count_if(values.begin(), values.end(), [&](std::uint64_t value) {
          return static_cast<double>(value) < limit;
        }));
      };
      EXPECT_GE(below(bound), share * static_cast<double>(values.size()));
      EXPECT_LT(below(bound > 2 ? bound / 2 : 0), share * static_cast<double>(values.size()));
    }
  }
}

TEST(Purge, SpreadsThatWereNotCountedAreUnknownAndThoseOfNothingAreNone) {
  LaidHeap heap;
  heap.slabs.assign(4, {{"kept"}});
  SnapshotMaker maker = heap.dump(1, 1);
  heapprof::Purges& purges = *maker.heap().mutable_purges();
  purges.set_passes(2);
  const auto textOf = [&] {
    const model::Query query = queryOf(maker);
    const PurgeResult result = *analysis::purges(query);
    return purgeText({query.snapshot.get(), nullptr, &result});
  };
  EXPECT_THAT(textOf(), HasSubstr("A pass takes        unknown  unknown  unknown"));
  for (int i = 0; i < 12; ++i) purges.mutable_bytes_histogram()->add_count(i == 11 ? 2 : 0);
  purges.mutable_time_histogram();
  EXPECT_THAT(textOf(), HasSubstr("A pass advises          4kB      4kB      4kB"));
  EXPECT_THAT(textOf(), HasSubstr("A pass takes           none     none     none"));
}

TEST(Purge, AgainstABaseEachFigureSaysWhatItWas) {
  LaidHeap heap;
  heap.slabs.assign(20, {{"kept", "held"}});
  heap.dirtyAtEnd = 2 * test::kUnit;
  SnapshotMaker maker = heap.dump(1, 1);
  heap.dirtyAtEnd = test::kUnit;
  SnapshotMaker baseMaker = heap.dump(1, 1);
  const auto fill = [](SnapshotMaker& dump, std::uint64_t passes, std::uint64_t returned) {
    heapprof::Purges& purges = *dump.heap().mutable_purges();
    purges.set_passes(passes);
    purges.set_returned_bytes(returned);
    purges.mutable_time_histogram()->add_count(passes);
    purges.add_collapse_failure_errno(12);
    purges.add_collapse_failure_count(passes);
  };
  fill(maker, 30, 10 << 20);
  fill(baseMaker, 12, 12 << 20);
  maker.heap().mutable_purges()->set_refaulted_1s_bytes(1 << 20);  // the base does not say
  const model::Query query = queryOf(maker), baseQuery = queryOf(baseMaker);
  const PurgeResult result = changed(*analysis::purges(query), *analysis::purges(baseQuery));
  EXPECT_EQ(result.histograms[1].find("change")->values, (std::vector<double>{18}));
  EXPECT_EQ(result.refusals.find("change")->values, (std::vector<double>{18}));
  const std::string text = purgeChangeText({query.snapshot.get(), baseQuery.snapshot.get(), &result});
  EXPECT_THAT(text, testing::ContainsRegex("Passes +30 +12 +\\+18\n"));
  EXPECT_THAT(text, testing::ContainsRegex("Returned +10MB +12MB +-2MB\n"));
  EXPECT_THAT(text, testing::ContainsRegex("Needed again within 1 s +1MB +unknown +unknown\n"));
  EXPECT_THAT(text, testing::ContainsRegex("free huge pages, kept +2.62MB +\\+2MB\n"));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StrContains(line, "ENOMEM")) continue;  // ends in a sentence
    if (absl::StartsWith(line, "  ") && !absl::StrContains(line, "note: "))
      EXPECT_LE(line.size(), 80u) << line;
  }
}

// Pages by hand: index, live bytes, kernel state.
SnapshotMaker pagesOf(const std::vector<std::array<std::uint64_t, 3>>& rows) {
  SnapshotMaker maker;
  maker.sample(maker.stack({"f"}), {1, 2});
  heapprof::Geometry& geometry = *maker.heap().mutable_header()->mutable_geometry();
  geometry.set_page_bytes(4096);
  geometry.set_placement_bytes(test::kUnit);
  geometry.set_granule_bytes(test::kSlab);
  geometry.set_region_start(test::kRegion);
  heapprof::HugePages& pages = *maker.heap().mutable_huge_pages();
  for (const auto& row : rows) {
    pages.add_index_delta(row[0]);
    pages.add_live_bytes(row[1]);
    pages.add_kernel_state(static_cast<std::uint32_t>(row[2]));
  }
  return maker;
}

struct Drawn {
  model::Query query;
  analysis::HeapMap map;
  analysis::MapTables tables;
  MapView view(MapColour colour) const { return {query.snapshot.get(), &map, &tables, colour}; }
};

Drawn drawn(model::Query query) {
  Drawn out{std::move(query), {}, {}};
  out.map = *analysis::heapMap(out.query);
  out.tables = *analysis::mapTables(out.query, out.map);
  return out;
}

TEST(Map, AMarkStandsWhereItsPageIsAndEmptyRowsAreCounted) {
  const Drawn dump = drawn(queryOf(
      pagesOf({{0, test::kUnit, 3}, {2, 0, 1}, {3, 1, 2}, {63, test::kUnit / 2, 4}, {64 * 5 + 1, 0, 9}})));
  const std::vector<std::string> live = absl::StrSplit(mapText(dump.view(MapColour::kLive)), '\n');
  ASSERT_GE(live.size(), 5u);
  EXPECT_EQ(live[live.size() - 4], absl::StrCat("  7f0000000000 |@  .", std::string(59, ' '), "+"));
  EXPECT_EQ(live[live.size() - 3], "      ... 4 rows without a page");
  EXPECT_EQ(live[live.size() - 2], "  7f0028000000 |");
  EXPECT_THAT(mapText(dump.view(MapColour::kKernel)),
              HasSubstr(absl::StrCat("|H .s", std::string(59, ' '), "m\n")));
  EXPECT_THAT(mapText(dump.view(MapColour::kUsed)), HasSubstr("|? ??")) << "the dump has no bitmaps";
}

TEST(Map, ChangeIsByTheSamePlaceInTheOtherDump) {
  model::Query query = queryOf(pagesOf({{0, 100, 2}, {1, 500, 2}, {2, 7, 2}, {3, test::kUnit, 2}}));
  query.baseline = pagesOf({{0, 300, 2}, {1, 100, 2}, {2, 7, 2}}).make();
  query.baselineMode = model::BaselineMode::kBase;
  EXPECT_THAT(mapText(drawn(query).view(MapColour::kChange)), HasSubstr("|-+=+\n"));
}

TEST(Map, ThePictureHasEachPageOnceWhereTheRasterHasIt) {
  std::mt19937_64 random(7);
  std::vector<std::array<std::uint64_t, 3>> rows;
  for (std::uint64_t index = 0; index < 3000; index += 1 + (random() % 4 == 0 ? random() % 40 : 0)) {
    rows.push_back({index, random() % 3 == 0 ? 0 : random() % test::kUnit, random() % 5});
  }
  const Drawn dump = drawn(queryOf(pagesOf(rows)));
  const std::string svg = mapSvg(dump.view(MapColour::kLive));
  std::size_t squares = 0;
  for (const absl::string_view line : absl::StrSplit(svg, "<rect x=")) {
    const std::size_t at = line.find("width=\"");
    if (line[0] == '"') squares += static_cast<std::size_t>(std::stoi(std::string(line.substr(at + 7)))) / 3;
  }
  EXPECT_EQ(squares, rows.size());
  for (const char* never : {"href", "src=", "url(", "<script"}) EXPECT_THAT(svg, Not(HasSubstr(never)));
}

TEST(Map, SumsByKindAreThoseOfTheExtents) {
  LaidHeap heap;
  heap.slabs.assign(30, {{"a", "b", "c"}});
  heap.dirtyAtEnd = 5 * test::kSlab;
  const Drawn dump = drawn(queryOf(heap.dump(1, 1)));
  const model::Table& kinds = dump.tables.kinds;
  ASSERT_EQ(kinds.find("kind")->texts, (std::vector<std::string>{"small slabs", "free dirty"}));
  EXPECT_EQ(kinds.find("bytes")->values, (std::vector<double>{30.0 * test::kSlab, 5.0 * test::kSlab}));
  EXPECT_EQ(kinds.find("live_objects")->values, (std::vector<double>{90, 0}));
  EXPECT_EQ(dump.tables.extents.rows(), 31u);
  EXPECT_TRUE(dump.tables.extents.find("class_size")->isBlank(30)) << "free memory has no class";
  EXPECT_FALSE(dump.tables.pages.find("age")->isKnown(0)) << "the dump does not say";
}

}  // namespace
}  // namespace heapprof::report
