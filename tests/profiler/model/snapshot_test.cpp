// What a snapshot says about its columns, and what it does not know.
#include <gtest/gtest.h>

#include "profiler/model/columns.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::model {
namespace {

using test::SnapshotMaker;

TEST(SampleType, IsFoundByNameByNumberAndByGosOldNames) {
  SnapshotMaker maker(
      SnapshotMaker::Types{{"objects", "count"}, {"space", "bytes"}, {"alloc_space", "bytes"}});
  const SnapshotPtr snapshot = maker.make();
  EXPECT_EQ(snapshot->sampleType("space"), 1u);
  EXPECT_EQ(snapshot->sampleType("inuse_space"), 1u);
  EXPECT_EQ(snapshot->sampleType("2"), 2u);
  EXPECT_EQ(snapshot->sampleType(""), 2u) << "the last one where the profile names no default";
  EXPECT_EQ(snapshot->sampleType("3"), absl::nullopt);
  EXPECT_EQ(snapshot->sampleType("speed"), absl::nullopt);
}

TEST(SampleType, DefaultIsTheOneTheProfileNames) {
  SnapshotMaker maker;
  maker.columns.defaultSampleType = maker.text("inuse_objects");
  EXPECT_EQ(maker.make()->sampleType(""), 0u);
  maker.columns.defaultSampleType = maker.text("gone");
  EXPECT_EQ(maker.make()->sampleType(""), 1u) << "a default that is not there is no default";
}

TEST(SampleType, OfAProfileWithoutAnyIsUnknown) {
  EXPECT_EQ(SnapshotMaker(SnapshotMaker::Types{}).make()->sampleType(""), absl::nullopt);
}

TEST(Variance, OfBytesIsTheDumpsAndOfCountsItsShareBySize) {
  SnapshotMaker maker(SnapshotMaker::Types{{"inuse_objects", "count"},
                                           {"inuse_space", "bytes"},
                                           {"alloc_objects", "count"},
                                           {"alloc_space", "bytes"},
                                           {"inuse_requested", "bytes"},
                                           {"delay", "nanoseconds"}});
  maker.sample(maker.stack({"f"}), {10, 1000, 20, 2000, 900, 5});
  maker.stacksRow(400, 1600, 100);
  maker.sample(maker.stack({"g"}), {1, 1, 1, 1, 1, 1});
  const SnapshotPtr snapshot = maker.make();
  EXPECT_EQ(snapshot->variance(0, 1), 400);
  EXPECT_EQ(snapshot->variance(0, 3), 1600);
  EXPECT_DOUBLE_EQ(*snapshot->variance(0, 0), 400.0 / (100 * 100));
  EXPECT_DOUBLE_EQ(*snapshot->variance(0, 2), 1600.0 / (100 * 100));
  EXPECT_DOUBLE_EQ(*snapshot->variance(0, 4), 400 * 0.9 * 0.9);
  EXPECT_EQ(snapshot->variance(0, 5), absl::nullopt) << "no sampling error is known for this type";
  EXPECT_EQ(snapshot->variance(1, 1), absl::nullopt) << "the second sample has no row of Stacks";
  EXPECT_EQ(snapshot->stackRow(0), 0u);
  EXPECT_EQ(snapshot->stackRow(1), absl::nullopt);
}

TEST(Variance, OfOtherToolsProfilesIsUnknown) {
  const SnapshotPtr snapshot = test::wildSnapshot(3);
  for (std::size_t row = 0; row < snapshot->columns().samples.size(); ++row) {
    EXPECT_EQ(snapshot->variance(row, 1), absl::nullopt);
  }
}

TEST(SnapshotText, OutOfRangeIsEmpty) {
  SnapshotMaker maker;
  const std::uint32_t index = maker.heapText("name");
  const SnapshotPtr snapshot = maker.make();
  EXPECT_EQ(snapshot->snapshotText(index), "name");
  EXPECT_EQ(snapshot->snapshotText(index + 1), "");
}

TEST(Column, CellsAreKnownUntilOneIsNot) {
  Column column = numberColumn("n", "N", Unit::kCount, "");
  addKnown(column, 5);
  EXPECT_TRUE(column.isKnown(0));
  addUnknown(column);
  addKnown(column, 7);
  EXPECT_TRUE(column.isKnown(0));
  EXPECT_FALSE(column.isKnown(1));
  EXPECT_TRUE(column.isKnown(2));
  EXPECT_EQ(column.size(), 3u);
}

TEST(Column, ErrorsStandBesideTheirFigures) {
  Column column = numberColumn("n", "N", Unit::kBytes, "");
  addWithError(column, 10, 2);
  addWithError(column, 20, kNoError);
  ASSERT_EQ(column.standardError.size(), 2u);
  EXPECT_EQ(column.standardError[0], 2);
  EXPECT_TRUE(column.standardError[1] != column.standardError[1]);
}

}  // namespace
}  // namespace heapprof::model
