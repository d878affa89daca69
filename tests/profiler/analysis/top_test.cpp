// `top` against sums in maps by name.
#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tuple>

#include "profiler/analysis/analyses.h"
#include "tests/profiler/support/snapshot_maker.h"
#include "tests/profiler/support/stack_oracle.h"

namespace heapprof::analysis {
namespace {

using model::BaselineMode;
using model::Granularity;
using test::OracleNode;
using test::SnapshotMaker;

constexpr std::uint64_t kSeeds = 40;

struct Row {
  std::string name;
  std::int64_t flat, cum;
  bool operator==(const Row&) const = default;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << " flat " << row.flat << " cum " << row.cum;
}

std::vector<Row> rowsOf(const TopResult& result) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < result.table.rows(); ++i) {
    rows.push_back({result.table.find("name")->texts[i],
                    static_cast<std::int64_t>(result.table.find("flat")->values[i]),
                    static_cast<std::int64_t>(result.table.find("cum")->values[i])});
  }
  return rows;
}

// All nodes above the cut-off, in pprof's order as far as it is decided by what is printed.
std::vector<Row> expected(const model::Query& query) {
  std::vector<Row> rows;
  std::int64_t flatTotal = 0;
  const auto nodes = test::oracleNodes(test::oracleSamples(query));
  for (const auto& [key, node] : nodes) flatTotal += node.flat;
  const auto cutoff =
      std::llabs(static_cast<std::int64_t>(static_cast<double>(flatTotal) * query.nodeFraction));
  for (const auto& [key, node] : nodes) {
    if ((node.flat == 0 && node.cum == 0) || (cutoff > 0 && std::llabs(node.cum) < cutoff)) continue;
    rows.push_back({node.name, node.flat, node.cum});
  }
  std::sort(rows.begin(), rows.end(), [&query](const Row& a, const Row& b) {
    const auto rank = [&query](const Row& row) {
      const std::int64_t flat = std::llabs(row.flat), cum = std::llabs(row.cum);
      return std::pair(query.cumulative ? cum : flat, query.cumulative ? flat : cum);
    };
    if (rank(a).first != rank(b).first) return rank(a).first > rank(b).first;
    return std::tuple(a.name, -rank(a).second, a.flat) < std::tuple(b.name, -rank(b).second, b.flat);
  });
  return rows;
}

// Rows that differ in nothing but signs may stand either way: their order hangs on fields that are not
// printed.
std::vector<Row> settled(std::vector<Row> rows) {
  const auto same = [](const Row& a, const Row& b) {
    return a.name == b.name && std::llabs(a.flat) == std::llabs(b.flat) &&
           std::llabs(a.cum) == std::llabs(b.cum);
  };
  for (auto from = rows.begin(); from != rows.end();) {
    auto to = std::find_if(from, rows.end(), [&](const Row& row) { return !same(row, *from); });
    std::sort(from, to,
              [](const Row& a, const Row& b) { return std::tie(a.flat, a.cum) < std::tie(b.flat, b.cum); });
    from = to;
  }
  return rows;
}

void expectAgrees(const model::Query& query) {
  absl::StatusOr<TopResult> result = top(query);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(settled(rowsOf(*result)), settled(expected(query)));
  EXPECT_EQ(static_cast<std::int64_t>(result->total), test::oracleTotal(query));
  const double total = result->total;
  double running = 0;
  const model::Table& table = result->table;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const double flat = table.find("flat")->values[i], cum = table.find("cum")->values[i];
    running += flat;
    const auto share = [total](double value) { return total == 0 ? 0 : std::fabs(value / total); };
    EXPECT_DOUBLE_EQ(table.find("flat_fraction")->values[i], share(flat));
    EXPECT_DOUBLE_EQ(table.find("sum_fraction")->values[i], share(running));
    EXPECT_DOUBLE_EQ(table.find("cum_fraction")->values[i], share(cum));
  }
  EXPECT_EQ(result->shownFlat, running);
  EXPECT_EQ(result->keptNodes, table.rows());
}

TEST(Top, AgreesWithSumsByNameAtEveryGranularity) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const Granularity granularity :
         {Granularity::kFunctions, Granularity::kFileFunctions, Granularity::kFiles, Granularity::kLines,
          Granularity::kAddresses}) {
      for (const bool noInlines : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << "seed " << seed << " granularity " << static_cast<int>(granularity));
        model::Query query;
        query.snapshot = test::wildSnapshot(seed);
        query.granularity = granularity;
        query.noInlines = noInlines;
        query.cumulative = seed % 2 == 0;
        query.metric = seed % 3 == 0 ? "inuse_objects" : "";
        expectAgrees(query);
      }
    }
  }
}

TEST(Top, SubtractsABaseAndCountsPercentagesOfWhatItShould) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const BaselineMode mode : {BaselineMode::kBase, BaselineMode::kDiffBase}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " mode " << static_cast<int>(mode));
      model::Query query;
      query.snapshot = test::wildSnapshot(seed);
      query.baseline = test::wildSnapshot(seed + 1000);
      query.baselineMode = mode;
      expectAgrees(query);
    }
  }
}

TEST(Top, OfADumpLessItselfIsEmpty) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    model::Query query;
    query.snapshot = query.baseline = test::wildSnapshot(seed);
    query.baselineMode = BaselineMode::kBase;
    absl::StatusOr<TopResult> result = top(query);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->table.rows(), 0u);
    EXPECT_EQ(result->total, 0);
  }
}

TEST(Top, FiltersKeepWhatPprofSaysTheyKeep) {
  struct Case {
    const char* name;
    model::Filters filters;
  };
  const Case cases[] = {
      {"focus", {"cache", "", "", "", "", {}, {}}},
      {"focus by file", {"parse[.]h", "", "", "", "", {}, {}}},
      {"focus by module", {"libcache", "", "", "", "", {}, {}}},
      {"ignore", {"", "^a$|alloc", "", "", "", {}, {}}},
      {"hide", {"", "", "cache", "", "", {}, {}}},
      {"hide by module", {"", "", "libcache", "", "", {}, {}}},
      {"show", {"", "", "", "cache|main", "", {}, {}}},
      {"show by module", {"", "", "", "server", "", {}, {}}},
      {"show_from", {"", "", "", "", "cache", {}, {}}},
      {"show_from by module", {"", "", "", "", "libcache", {}, {}}},
      {"all", {"a", "free_list", "run", "a", "cache|alloc", {}, {}}},
      {"nothing left", {"no such name", "", "", "", "", {}, {}}},
  };
  for (const Case& row : cases) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SCOPED_TRACE(testing::Message() << row.name << ", seed " << seed);
      model::Query query;
      query.snapshot = test::wildSnapshot(seed);
      query.filters = row.filters;
      query.granularity = seed % 2 == 0 ? Granularity::kLines : Granularity::kFunctions;
      absl::StatusOr<TopResult> result = top(query);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(settled(rowsOf(*result)), settled(expected(query)));
    }
  }
}

TEST(Top, AFilterThatMatchesNothingIsSaidToBe) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  query.filters.focus = "no such name";
  EXPECT_THAT(top(query)->table.notes,
              testing::Contains(testing::HasSubstr("Focus expression matched no samples")));
}

TEST(Top, ErrorsAreRootsOfSummedVariances) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    model::Query query;
    query.snapshot = test::wildSnapshot(seed, {.negative = false, .labels = false, .variances = true});
    query.nodeFraction = 0;
    absl::StatusOr<TopResult> result = top(query);
    ASSERT_TRUE(result.ok());
    std::map<std::string, OracleNode> byName;
    for (const auto& [key, node] : test::oracleNodes(test::oracleSamples(query))) byName[node.name] = node;
    std::size_t unknown = 0;
    for (std::size_t i = 0; i < result->table.rows(); ++i) {
      const OracleNode& node = byName.at(result->table.find("name")->texts[i]);
      const double flat = result->table.find("flat")->standardError[i];
      const double cum = result->table.find("cum")->standardError[i];
      if (std::isnan(node.cumVariance)) {
        EXPECT_TRUE(std::isnan(cum));  // one of its samples has none
        ++unknown;
      } else {
        EXPECT_DOUBLE_EQ(cum, std::sqrt(node.cumVariance));
        EXPECT_DOUBLE_EQ(flat, std::sqrt(node.flatVariance));
      }
    }
    if (seed == 1) EXPECT_GT(unknown, 0u) << "the case that a variance is missing was not met";
  }
}

TEST(Top, RecursionCountsASampleOnce) {
  SnapshotMaker maker;
  maker.sample(maker.stack({"leaf", "again", "again", "again", "main"}), {1, 100});
  model::Query query;
  query.snapshot = maker.make();
  query.metric = "inuse_space";
  EXPECT_THAT(rowsOf(*top(query)),
              testing::ElementsAre(Row{"leaf", 100, 100}, Row{"again", 0, 100}, Row{"main", 0, 100}));
}

TEST(Top, SaysWhatIsInlinedAlwaysAndWhatSometimes) {
  SnapshotMaker maker;
  const formats::Row inlined = maker.location({{"always"}, {"sometimes"}, {"caller"}});
  const formats::Row called = maker.location({{"sometimes"}});
  const formats::Row caller = maker.location({{"other"}});
  maker.sample({inlined}, {1, 100});
  maker.sample({called, caller}, {1, 50});
  model::Query query;
  query.snapshot = maker.make();
  query.metric = "inuse_space";
  const TopResult result = *top(query);
  std::map<std::string, std::string> state;
  for (std::size_t i = 0; i < result.table.rows(); ++i) {
    state[result.table.find("name")->texts[i]] = result.table.find("inline_state")->texts[i];
  }
  EXPECT_EQ(state["always"], "inline");
  EXPECT_EQ(state["sometimes"], "partial-inline");
  EXPECT_EQ(state["caller"], "");
}

TEST(Top, NodeCountCutsTheTailAndSaysHowManyThereWere) {
  model::Query query;
  query.snapshot = test::wildSnapshot(7);
  const TopResult all = *top(query);
  query.nodeCount = 3;
  const TopResult three = *top(query);
  ASSERT_GT(all.table.rows(), 3u);
  EXPECT_EQ(three.table.rows(), 3u);
  EXPECT_EQ(three.keptNodes, all.table.rows());
  EXPECT_EQ(three.total, all.total);
  EXPECT_EQ(rowsOf(three)[2], rowsOf(all)[2]);
}

TEST(Top, AnUnknownMetricIsRefusedWithThoseThatThereAre) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  query.metric = "inuse_spaec";
  const absl::Status status = top(query).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("it has inuse_objects, inuse_space"));
}

TEST(Top, StopsSoonAfterItIsCancelled) {
  model::Query query;
  query.snapshot = test::wildSnapshot(1);
  EXPECT_EQ(top(query, [] { return true; }).status().code(), absl::StatusCode::kCancelled);
}

TEST(Top, ValuesAtTheEdgeOfInt64WrapAsPprofsDo) {
  SnapshotMaker maker;
  maker.sample(maker.stack({"f"}), {INT64_MAX, INT64_MAX});
  maker.sample(maker.stack({"f", "g"}), {INT64_MAX, INT64_MIN});
  model::Query query;
  query.snapshot = maker.make();
  query.metric = "inuse_space";
  ASSERT_TRUE(top(query).ok());  // under UBSan: no overflow on the way
}

}  // namespace
}  // namespace heapprof::analysis
