// Chunks of the heap snapshot: however a writer cut them, they read as one.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <random>

#include "formats/pprof/read_profile.h"
#include "formats/pprof/row_bytes.h"
#include "formats/pprof/write_profile.h"
#include "tests/formats/column_oracle.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using google::protobuf::FieldDescriptor;

std::string withoutSnapshot() {
  auto profile = testing::dumpLikeProfile();
  profile.clear_heap_snapshot();
  return profile.SerializeAsString();
}

std::string chunk(const heapprof::HeapSnapshot& snapshot) {
  const std::string content = snapshot.SerializeAsString();
  RowBytes row;
  row.beginBytes(1000, content.size());
  return row.bytes() + content;
}

ProfileColumns readAll(const std::string& bytes) {
  auto got = readProfileBytes(bytes.data(), bytes.size(), "x");
  EXPECT_TRUE(got.ok()) << got.status().message();
  return got.ok() ? *std::move(got) : ProfileColumns{};
}

constexpr int kRows = 20000;  // more than one chunk of the writer

// Ascending starts with one fall in the middle, as after a second region.
std::vector<std::uint64_t> extentStarts() {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> starts;
  std::uint64_t at = 0x200000000000;
  for (int i = 0; i < kRows; ++i) {
    at = i == 777 ? 0x100000000000 : at + 32768 * (1 + random() % 5);
    starts.push_back(at);
  }
  return starts;
}

// Rows in chunks of `each`, a new chunk also where a start falls.
std::string extentChunks(const std::vector<std::uint64_t>& starts, std::size_t each) {
  std::string bytes;
  heapprof::HeapSnapshot snapshot;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    auto* extents = snapshot.mutable_extents();
    const int inChunk = extents->start_delta_size();
    if (inChunk == static_cast<int>(each) || (inChunk != 0 && starts[i] < starts[i - 1])) {
      bytes += chunk(snapshot);
      snapshot.Clear();
      extents = snapshot.mutable_extents();
    }
    extents->add_start_delta(extents->start_delta_size() == 0 ? starts[i] : starts[i] - starts[i - 1]);
    extents->add_length_bytes(32768);
  }
  return bytes + chunk(snapshot);
}

TEST(SnapshotChunks, AnyCutReadsAsTheSameAbsoluteStarts) {
  const std::vector<std::uint64_t> starts = extentStarts();
  for (const std::size_t each : {1, 2, 999, 4096, 100000}) {
    const ProfileColumns got = readAll(withoutSnapshot() + extentChunks(starts, each));
    const auto& column = got.heapSnapshot.extents().start_delta();
    EXPECT_TRUE(std::equal(column.begin(), column.end(), starts.begin(), starts.end())) << each;
    const ProfileColumns again = readAll(serializeProfile(got));
    EXPECT_EQ(testing::difference(again, got), "") << each;
  }
}

TEST(SnapshotChunks, SingularFiguresTakeTheLastValueAndPartsMerge) {
  heapprof::HeapSnapshot first, second;
  first.add_string_table("");
  first.mutable_totals()->set_kernel_rss_bytes(1);
  first.mutable_totals()->set_live_bytes(2);
  second.mutable_totals()->set_kernel_rss_bytes(9);
  second.mutable_totals()->set_dirty_bytes(0);
  second.add_string_table("late");
  const ProfileColumns got = readAll(chunk(first) + withoutSnapshot() + chunk(second));
  const heapprof::Totals& totals = got.heapSnapshot.totals();
  EXPECT_EQ(totals.kernel_rss_bytes(), 9u);
  EXPECT_EQ(totals.live_bytes(), 2u);
  EXPECT_TRUE(totals.has_dirty_bytes());
  EXPECT_FALSE(totals.has_purged_bytes());
  EXPECT_EQ(got.heapSnapshot.string_table(1), "late");
}

TEST(SnapshotChunks, AColumnThatIsInOneChunkOnlyIsRefusedAtThatChunk) {
  heapprof::HeapSnapshot whole, partial;
  whole.mutable_threads()->add_id(1);
  whole.mutable_threads()->add_cached_bytes(5);
  partial.mutable_threads()->add_id(2);
  const std::string head = withoutSnapshot() + chunk(whole);
  const std::string bytes = head + chunk(partial);
  const auto got = readProfileBytes(bytes.data(), bytes.size(), "x");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message().find("x: offset " + std::to_string(head.size()) +
                                        ": heapprof.Threads.cached_bytes"),
            0u)
      << got.status().message();
}

TEST(SnapshotChunks, NamesThatAreNotUtf8Survive) {
  heapprof::HeapSnapshot snapshot;
  snapshot.add_string_table("");
  snapshot.add_string_table("caf\xe9");
  snapshot.mutable_header()->set_program(1);
  const ProfileColumns got = readAll(withoutSnapshot() + chunk(snapshot));
  EXPECT_EQ(got.heapSnapshot.string_table(1), "caf\xe9");
}

TEST(SnapshotChunks, UnknownFieldsOfALaterVersionSurviveEveryLevelAndBeingWritten) {
  heapprof::HeapSnapshot snapshot;
  snapshot.add_string_table("");
  for (google::protobuf::Message* message :
       {static_cast<google::protobuf::Message*>(&snapshot),
        static_cast<google::protobuf::Message*>(snapshot.mutable_header()),
        static_cast<google::protobuf::Message*>(snapshot.mutable_extents()),
        static_cast<google::protobuf::Message*>(snapshot.mutable_purges()->add_events()),
        static_cast<google::protobuf::Message*>(snapshot.mutable_stacks())}) {
    auto* unknown = message->GetReflection()->MutableUnknownFields(message);
    unknown->AddVarint(2000, 1);
    unknown->AddLengthDelimited(2001, "\x08\x01");
    unknown->AddFixed64(2002, 2);
    unknown->AddFixed32(2003, 3);
  }
  const ProfileColumns got = readAll(withoutSnapshot() + chunk(snapshot));
  EXPECT_EQ(got.heapSnapshot.SerializeAsString(), snapshot.SerializeAsString());
  const ProfileColumns again = readAll(serializeProfile(got));
  EXPECT_EQ(again.heapSnapshot.SerializeAsString(), snapshot.SerializeAsString());
  EXPECT_EQ(got.unknownFields, 0u);  // kept, so not counted as skipped
}

// The writer copies columns by type; a new type in the schema must not be dropped in silence.
TEST(SnapshotSchema, EveryColumnHasATypeThatTheWriterCopies) {
  using heapprof::HeapSnapshot;
  for (int i = 0; i < HeapSnapshot::descriptor()->field_count(); ++i) {
    const FieldDescriptor* part = HeapSnapshot::descriptor()->field(i);
    const int number = part->number();
    if (number == HeapSnapshot::kHeaderFieldNumber || number == HeapSnapshot::kTotalsFieldNumber ||
        number == HeapSnapshot::kPurgesFieldNumber || number == HeapSnapshot::kStringTableFieldNumber) {
      continue;
    }
    for (int k = 0; k < part->message_type()->field_count(); ++k) {
      const FieldDescriptor* column = part->message_type()->field(k);
      EXPECT_TRUE(column->is_repeated()) << column->full_name();
      EXPECT_TRUE(column->cpp_type() == FieldDescriptor::CPPTYPE_UINT64 ||
                  column->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                  column->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE)
          << column->full_name();
    }
  }
}

}  // namespace
}  // namespace heapprof::formats
