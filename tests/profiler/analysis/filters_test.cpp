// Tag filters and expressions: what compiles, what matches, what is said about those that do not.
#include "profiler/analysis/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/owner.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

// One function a sample, named after its labels.
model::SnapshotPtr labelled() {
  SnapshotMaker maker(SnapshotMaker::Types{{"inuse_space", "bytes"}});
  const auto add = [&maker](const std::string& name, const std::vector<test::LabelSpec>& labels) {
    maker.sample(maker.stack({name}), {100}, labels);
  };
  add("small", {{"bytes", "", 512, "bytes"}, {"kind", "malloc", 0, ""}});
  add("middle", {{"bytes", "", 65536, "bytes"}, {"kind", "new", 0, ""}});
  add("large", {{"bytes", "", 2 << 20, "bytes"}, {"kind", "mmap", 0, ""}});
  add("bare", {});
  add("request", {{"request", "", 2048, ""}});
  add("count", {{"tries", "", 7, ""}});
  return maker.make();
}

std::set<std::string> kept(const std::vector<std::string>& focus, const std::vector<std::string>& ignore) {
  model::Query query;
  query.snapshot = labelled();
  query.filters.tagFocus = focus;
  query.filters.tagIgnore = ignore;
  absl::StatusOr<TopResult> result = top(query);
  EXPECT_TRUE(result.ok()) << result.status();
  const std::vector<std::string>& names = result->table.find("name")->texts;
  return {names.begin(), names.end()};
}

TEST(TagFilters, RangesAreOfTheUnitTheyName) {
  using Set = std::set<std::string>;
  EXPECT_EQ(kept({"bytes=512b"}, {}), (Set{"small"}));
  EXPECT_EQ(kept({"bytes=64kb"}, {}), (Set{"middle"}));
  EXPECT_EQ(kept({"bytes=1kb:"}, {}), (Set{"middle", "large"}));
  EXPECT_EQ(kept({"bytes=:64kb"}, {}), (Set{"small", "middle"}));
  EXPECT_EQ(kept({"bytes=1kb:1mb"}, {}), (Set{"middle"}));
  EXPECT_EQ(kept({"1kb:1mb"}, {}), (Set{"middle", "request", "count"}))
      << "a request is in bytes; a unit that pprof does not know is taken for the bound's";
  EXPECT_EQ(kept({"tries=7tries"}, {}), (Set{"count"})) << "a key without a unit is its own";
}

TEST(TagFilters, ExpressionsMatchAKeysValueOrKeyAndValue) {
  using Set = std::set<std::string>;
  EXPECT_EQ(kept({"kind=^m"}, {}), (Set{"small", "large"}));
  EXPECT_EQ(kept({"kind=malloc,new"}, {}), (Set{"small", "middle"})) << "with a key: any of them";
  EXPECT_EQ(kept({"kind:m.*"}, {}), (Set{"small", "large"}));
  EXPECT_EQ(kept({"kind,malloc"}, {}), (Set{"small"})) << "without a key: all of them";
  EXPECT_EQ(kept({}, {"kind=malloc"}), (Set{"middle", "large", "bare", "request", "count"}));
  EXPECT_EQ(kept({"kind=.", "bytes=1kb:"}, {"kind=mmap"}), (Set{"middle"}));
}

TEST(Filters, ABadExpressionIsNamedWithItsFlag) {
  model::Query query;
  query.snapshot = labelled();
  query.filters.focus = "a(b";
  const absl::Status status = top(query).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::StartsWith("-focus=a(b: "));
  query.filters.focus.clear();
  query.filters.tagIgnore = {"kind=["};
  EXPECT_THAT(std::string(top(query).status().message()), testing::StartsWith("-tagignore=[: "));
}

TEST(Filters, ActiveOnesAreListedInPprofsOrder) {
  model::Filters filters{"f", "i", "h", "s", "sf", {"t1", "t2"}, {"u"}};
  EXPECT_THAT(activeFilters(filters),
              testing::ElementsAre("focus=f", "ignore=i", "hide=h", "show=s", "show_from=sf", "tagfocus=t1",
                                   "tagfocus=t2", "tagignore=u"));
}

TEST(DropFrames, CutTheAllocatorsFramesButNeverAWholeStack) {
  SnapshotMaker maker(SnapshotMaker::Types{{"inuse_space", "bytes"}});
  maker.sample(maker.stack({"malloc_impl", "malloc", "user", "main"}), {100});
  maker.sample(maker.stack({"malloc_impl", "malloc"}), {50});
  maker.columns.dropFrames = maker.text("malloc");
  model::Query query;
  query.snapshot = maker.make();
  const TopResult result = *top(query);
  std::map<std::string, double> flat;
  for (std::size_t i = 0; i < result.table.rows(); ++i) {
    flat[result.table.find("name")->texts[i]] = result.table.find("flat")->values[i];
  }
  EXPECT_EQ(flat["user"], 100);
  EXPECT_EQ(flat["malloc_impl"], 50) << "nothing of the program above it: kept";
}

TEST(Plumbing, IsWhatOnlyPassesAllocationsOn) {
  for (const char* name : {"malloc",
                           "operator new",
                           "operator new[]",
                           "__libc_malloc",
                           "zmalloc",
                           "xmalloc",
                           "g_malloc0",
                           "PyMem_RawMalloc",
                           "std::vector<int>::push_back",
                           "std::__new_allocator<char>::allocate",
                           "std::map<int, int>::operator[]",
                           "void std::_Construct<std::vector<int>, int>",
                           "std::operator+<char>",
                           "runtime.mallocgc",
                           "alloc::raw_vec::finish_grow",
                           "CRYPTO_zalloc",
                           "CRYPTO_clear_realloc",
                           "CRYPTO_strndup",
                           "g_memdup2",
                           "apr_pstrdup"}) {
    EXPECT_TRUE(isPlumbing(name, "")) << name;
  }
  for (const char* name : {"main", "Cache::fill", "allocate_session", "reallocate_workers",
                           "createStringObject", "dictAdd", "std::thread::_M_run", "mallocate::run",
                           "Allocator_test", "CRYPTO_THREAD_lock_new", "OPENSSL_LH_insert"}) {
    EXPECT_FALSE(isPlumbing(name, "")) << name;
  }
  EXPECT_TRUE(isPlumbing("anything", "/usr/lib/libjemalloc.so.2"));
  EXPECT_FALSE(isPlumbing("anything", "/usr/lib/libc.so.6"));
}

}  // namespace
}  // namespace heapprof::analysis
