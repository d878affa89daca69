// Loading: what was written is what is held; progress rises; a cancel is obeyed; errors name the file.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "formats/pprof/write_profile.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::model {
namespace {

class Load : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("heapprof-load." + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const formats::ProfileColumns& columns) {
    const std::string path = folder_ / "a.pb.gz";
    EXPECT_TRUE(formats::writeProfile(columns, path).ok());
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(Load, GivesTheColumnsThatWereWritten) {
  const formats::ProfileColumns columns = test::wildColumns(5);
  absl::StatusOr<SnapshotPtr> loaded = loadSnapshot(write(columns), {.symbolize = false, .progress = {}});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->columns().samples.values, columns.samples.values);
  ASSERT_EQ((*loaded)->columns().samples.size(), columns.samples.size());
  for (std::size_t i = 0; i < columns.samples.size(); ++i) {
    EXPECT_EQ((*loaded)->columns().samples.locationsOf(i), columns.samples.locationsOf(i)) << i;
  }
  EXPECT_FALSE((*loaded)->hasHeapSnapshot());
}

TEST_F(Load, ReportsProgressThatRisesToTheEnd) {
  std::vector<std::pair<std::string, double>> told;
  LoadOptions options;
  options.progress = [&told](absl::string_view phase, double fraction) {
    told.emplace_back(std::string(phase), fraction);
    return true;
  };
  ASSERT_TRUE(loadSnapshot(write(test::wildColumns(5, {.samples = 50000})), options).ok());
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), std::pair(std::string("done"), 1.0));
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_GE(told[i].second, 0);
    EXPECT_LE(told[i].second, 1);
    if (i > 0 && told[i].first == told[i - 1].first) EXPECT_GE(told[i].second, told[i - 1].second);
  }
}

// Reading asks as the bytes come, so as often each time.
TEST_F(Load, StopsAtWhateverCallSaysNo) {
  const std::string path = write(test::wildColumns(5, {.samples = 50000}));
  std::size_t calls = 0;
  LoadOptions count{.symbolize = false, .progress = {}};
  count.progress = [&calls](absl::string_view, double) { return ++calls > 0; };
  ASSERT_TRUE(loadSnapshot(path, count).ok());
  for (std::size_t stopAt = 1; stopAt <= calls; ++stopAt) {
    std::size_t call = 0;
    LoadOptions options{.symbolize = false, .progress = {}};
    options.progress = [&](absl::string_view, double) { return ++call < stopAt; };
    EXPECT_EQ(loadSnapshot(path, options).status().code(), absl::StatusCode::kCancelled) << stopAt;
    EXPECT_EQ(call, stopAt) << "not asked again after it said no";
  }
}

// The search for symbols asks as time passes, so each phase's first call is all that surely comes.
TEST_F(Load, StopsInEachPhaseThatIsToldNo) {
  const std::string path = write(test::wildColumns(5, {.samples = 50000}));
  for (const absl::string_view unwanted : {"reading", "symbols", "done"}) {
    bool refused = false;
    LoadOptions options;
    options.progress = [&](absl::string_view phase, double) {
      EXPECT_FALSE(refused) << "asked again after it said no to " << unwanted;
      refused = phase == unwanted;
      return !refused;
    };
    EXPECT_EQ(loadSnapshot(path, options).status().code(), absl::StatusCode::kCancelled) << unwanted;
    EXPECT_TRUE(refused) << unwanted;
  }
}

TEST_F(Load, AMissingFileIsOneLineThatNamesIt) {
  const absl::Status status = loadSnapshot(folder_ / "none.pb.gz").status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("none.pb.gz"));
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("\n")));
}

TEST_F(Load, SymbolsFromBinariesAreNotSoughtWhenNotWanted) {
  test::SnapshotMaker maker;
  maker.sample({maker.location({}, 0x400123, maker.mapping("/no/such/binary", 0x400000, 0x500000))}, {1, 1});
  const std::string path = write(maker.columns);
  EXPECT_TRUE((*loadSnapshot(path, {.symbolize = false, .progress = {}}))->symbolNotes().empty());
  EXPECT_THAT((*loadSnapshot(path))->symbolNotes(), testing::Contains(testing::HasSubstr("/no/such/binary")));
}

}  // namespace
}  // namespace heapprof::model
