// The streaming reader against the DOM oracle, in every order and packing the format allows.
#include "formats/pprof/read_profile.h"

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <zstd.h>

#include "formats/pprof/row_bytes.h"
#include "tests/formats/column_oracle.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using testing::columnsByDom;
using testing::difference;
using testing::dumpLikeProfile;
using testing::gzipped;
using testing::randomProfile;
using testing::shuffledBytes;

absl::StatusOr<ProfileColumns> readBytes(const std::string& bytes, const ReadOptions& options = {}) {
  return readProfileBytes(bytes.data(), bytes.size(), "x.pb.gz", options);
}

std::string zstdCompressed(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

TEST(ReadProfile, AgreesWithTheDomOracleOnRandomProfilesInAnyOrder) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const auto profile = randomProfile(seed);
    const ProfileColumns expected = columnsByDom(profile);
    const auto inOrder = readBytes(profile.SerializeAsString());
    ASSERT_TRUE(inOrder.ok()) << seed << ": " << inOrder.status().message();
    EXPECT_EQ(difference(*inOrder, expected), "") << seed;
    std::uint64_t unknown = 0;
    const auto shuffled = readBytes(shuffledBytes(profile, seed, &unknown));
    ASSERT_TRUE(shuffled.ok()) << seed << ": " << shuffled.status().message();
    EXPECT_EQ(difference(*shuffled, expected), "") << seed;
    EXPECT_EQ(shuffled->unknownFields, unknown) << seed;
  }
}

TEST(ReadProfile, SamplesOfAStackShareItsRowHoweverItsIdsAreWritten) {
  const auto profile = dumpLikeProfile();
  auto figures = profile.sample(0);
  figures.clear_location_id();
  const auto first = static_cast<char>(profile.location(0).id());
  const auto second = static_cast<char>(profile.location(1).id());
  ASSERT_TRUE(first > 0 && second > 0);
  const std::string spellings[] = {
      {'\x0a', 2, first, second},                               // packed
      {'\x0a', 1, first, '\x0a', 1, second},                    // in two parts
      {'\x08', first, '\x0a', 1, second},                       // one by one, then packed
      {'\x0a', 1, first, '\x08', second, '\x0a', 0},            // packed, one by one, nothing
      {'\x0a', 3, static_cast<char>(first | 0x80), 0, second},  // padded: a row of its own may be
      {'\x0a', 2, second, first},                               // another stack
      {'\x0a', 1, first},                                       // where the first begins alike
      {},
  };
  std::string bytes = profile.SerializeAsString();
  for (const std::string& ids : spellings) {
    RowBytes row;
    row.beginBytes(2, ids.size() + figures.ByteSizeLong());
    bytes += row.bytes() + ids + figures.SerializeAsString();
  }
  const auto got = readBytes(bytes);
  ASSERT_TRUE(got.ok()) << got.status().message();
  const SampleColumns& samples = got->samples;
  const std::size_t at = static_cast<std::size_t>(profile.sample_size());
  const std::vector<Row> both{0, 1}, turned{1, 0}, one{0}, none;
  for (std::size_t i = at; i < at + 4; ++i) {
    EXPECT_EQ(samples.locationsOf(i), absl::MakeConstSpan(both)) << i - at;
    EXPECT_EQ(samples.stack[i], samples.stack[at]) << i - at;
  }
  EXPECT_EQ(samples.locationsOf(at + 4), absl::MakeConstSpan(both));
  EXPECT_EQ(samples.locationsOf(at + 5), absl::MakeConstSpan(turned));
  EXPECT_EQ(samples.locationsOf(at + 6), absl::MakeConstSpan(one));
  EXPECT_EQ(samples.locationsOf(at + 7), absl::MakeConstSpan(none));
}

TEST(ReadProfile, PlainGzipZstdAndManyMembersReadAlike) {
  const std::string plain = dumpLikeProfile().SerializeAsString();
  const auto expected = readBytes(plain);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const std::string half = plain.substr(0, plain.size() / 2), rest = plain.substr(plain.size() / 2);
  for (const std::string& bytes :
       {gzipped(plain), zstdCompressed(plain), gzipped(half) + gzipped(rest),
        zstdCompressed(half) + zstdCompressed(rest), gzipped(plain) + gzipped("")}) {
    const auto got = readBytes(bytes);
    ASSERT_TRUE(got.ok()) << got.status().message();
    EXPECT_EQ(difference(*got, *expected), "");
    EXPECT_EQ(got->fileBytes, bytes.size());
    EXPECT_EQ(got->messageBytes, plain.size());
  }
}

TEST(ReadProfile, AFileReadsAsItsBytesDo) {
  std::string bytes;
  for (std::uint64_t seed = 1; bytes.size() < 3 << 20; ++seed) {  // several windows and pieces
    auto profile = randomProfile(seed);
    while (profile.ByteSizeLong() < (3 << 20) && profile.sample_size() > 0) {
      auto twice = profile;
      for (const auto& sample : twice.sample()) {
        *profile.add_sample() = sample;
      }
    }
    bytes = profile.SerializeAsString();
  }
  const std::string path = ::testing::TempDir() + "formats_read_file.pb";
  for (const std::string& content : {bytes, gzipped(bytes)}) {
    std::ofstream(path, std::ios::binary) << content;
    const auto fromFile = readProfile(path);
    const auto fromBytes = readBytes(content);
    ASSERT_TRUE(fromFile.ok()) << fromFile.status().message();
    ASSERT_TRUE(fromBytes.ok());
    EXPECT_EQ(difference(*fromFile, *fromBytes), "");
    EXPECT_EQ(fromFile->fileBytes, content.size());
  }
  std::remove(path.c_str());
}

TEST(ReadProfile, ProgressRisesToTheFilesSizeAndFalseCancels) {
  auto profile = dumpLikeProfile();
  for (int i = 0; i < 60; ++i) {
    profile.add_string_table(std::string(100000, static_cast<char>('a' + i % 26)));
  }
  const std::string bytes = profile.SerializeAsString();
  std::vector<std::uint64_t> seen;
  ReadOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    seen.push_back(done);
    EXPECT_EQ(total, bytes.size());
    return true;
  };
  ASSERT_TRUE(readBytes(bytes, options).ok());
  ASSERT_GE(seen.size(), 5u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), bytes.size());

  int calls = 0;
  options.progress = [&](std::uint64_t, std::uint64_t) { return ++calls < 3; };
  const auto cancelled = readBytes(bytes, options);
  EXPECT_TRUE(absl::IsCancelled(cancelled.status()));
  EXPECT_EQ(calls, 3);
}

TEST(ReadProfile, StringsNeedNotBeUtf8) {
  auto profile = dumpLikeProfile();
  std::string bytes = profile.SerializeAsString();
  bytes += std::string("\x32\x03\xff\xfe\x80", 5);  // string_table: three bytes that are no text
  const auto got = readBytes(bytes);
  ASSERT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(got->strings.back(), "\xff\xfe\x80");
}

TEST(ReadProfile, ALaterVersionIsReadAsFarAsItIsKnown) {
  auto profile = dumpLikeProfile();
  profile.mutable_heap_snapshot()->mutable_header()->set_format_version(7);
  auto* header = profile.mutable_heap_snapshot()->mutable_header();
  header->GetReflection()->MutableUnknownFields(header)->AddVarint(900, 5);
  profile.mutable_heap_snapshot()
      ->GetReflection()
      ->MutableUnknownFields(profile.mutable_heap_snapshot())
      ->AddLengthDelimited(800, "new part");
  const auto got = readBytes(profile.SerializeAsString());
  ASSERT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(got->heapSnapshot.header().format_version(), 7u);
  EXPECT_EQ(difference(*got, columnsByDom(profile)), "");  // bytes of the snapshot, unknown fields included
}

TEST(Validate, FindsEveryBrokenInvariantOfTheColumns) {
  const auto valid = readBytes(dumpLikeProfile().SerializeAsString());
  ASSERT_TRUE(valid.ok());
  ASSERT_TRUE(validate(*valid, "x").ok());
  using Break = void (*)(ProfileColumns&);
  const Break breaks[] = {
      [](ProfileColumns& p) { p.strings[0] = "x"; },
      [](ProfileColumns& p) { p.strings.clear(); },
      [](ProfileColumns& p) { p.sampleTypes[1].unit = 99; },
      [](ProfileColumns& p) { p.sampleTypes.pop_back(); },
      [](ProfileColumns& p) { p.samples.values.pop_back(); },
      [](ProfileColumns& p) { p.samples.stacks.locationBegin[1] = 99; },
      [](ProfileColumns& p) { p.samples.stacks.locationBegin.clear(); },
      [](ProfileColumns& p) { p.samples.stacks.locations[3] = 4; },
      [](ProfileColumns& p) { p.samples.stack[0] = 99; },
      [](ProfileColumns& p) { p.samples.stack.pop_back(); },
      [](ProfileColumns& p) { p.samples.labels.key[0] = 99; },
      [](ProfileColumns& p) { p.samples.labels.num.pop_back(); },
      [](ProfileColumns& p) { p.samples.labelBegin.back() = 0; },
      [](ProfileColumns& p) { p.locations.mapping[2] = 1; },
      [](ProfileColumns& p) { p.locations.lineFunction[0] = kNoRow; },
      [](ProfileColumns& p) { p.locations.id[1] = p.locations.id[0]; },
      [](ProfileColumns& p) { p.locations.id[1] = 0; },
      [](ProfileColumns& p) { p.locations.folded.pop_back(); },
      [](ProfileColumns& p) { p.functions.name[0] = 99; },
      [](ProfileColumns& p) { p.functions.id[0] = p.functions.id[1]; },
      [](ProfileColumns& p) { p.functions.startLine.pop_back(); },
      [](ProfileColumns& p) { p.mappings[0].buildId = 99; },
      [](ProfileColumns& p) { p.mappings.push_back(p.mappings[0]); },
      [](ProfileColumns& p) { p.comments.push_back(99); },
      [](ProfileColumns& p) { p.defaultSampleType = 99; },
      [](ProfileColumns& p) { p.heapSnapshot.clear_string_table(); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_header()->set_host(99); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_header()->add_option_keys(1); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_threads()->set_name(0, 99); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_timeline()->set_mark_name(0, 99); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_extents()->add_kind(1); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_huge_pages()->add_used_granules(1); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_stacks()->add_lifetime_buckets(1); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_stacks()->set_sample_index(0, 5); },
      [](ProfileColumns& p) { p.heapSnapshot.mutable_purges()->add_collapse_failure_errno(11); },
      [](ProfileColumns& p) {
        for (int i = 0; i < 65; ++i) p.heapSnapshot.mutable_purges()->mutable_time_histogram()->add_count(1);
      },
  };
  for (std::size_t i = 0; i < std::size(breaks); ++i) {
    ProfileColumns broken = *valid;
    breaks[i](broken);
    const absl::Status status = validate(broken, "x");
    EXPECT_FALSE(status.ok()) << "break " << i;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace heapprof::formats
