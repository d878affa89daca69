// Each kind of bad input gives one line: the file, the offset, what is wrong and what to do.
#include <cstdio>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "formats/pprof/read_profile.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using heapprof::pprof::Profile;
using testing::dumpLikeProfile;
using testing::gzipped;

std::string messageOf(const std::string& bytes, const ReadOptions& options = {}) {
  const auto got = readProfileBytes(bytes.data(), bytes.size(), "x.pb.gz", options);
  if (got.ok()) {
    return "OK";
  }
  const std::string message(got.status().message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_TRUE(absl::StartsWith(message, "x.pb.gz: ")) << message;
  EXPECT_NE(message.find("offset "), std::string::npos) << message;
  EXPECT_NE(message.find("; "), std::string::npos) << message;
  return message;
}

std::string changed(const std::function<void(Profile&)>& change) {
  Profile profile = dumpLikeProfile();
  change(profile);
  return messageOf(profile.SerializeAsString());
}

void expectSays(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << "said:   " << message << "\nwanted: " << part;
}

const std::string kGood = dumpLikeProfile().SerializeAsString();

TEST(BadInput, ForeignFilesAreNamed) {
  const struct {
    std::string bytes;
    const char* says;
  } cases[] = {
      {std::string("\x7f"
                   "ELF\x02\x01\x01",
                   7),
       "an ELF file"},
      {"%warn --heapprofile\n", "a text profile"},
      {"#!/bin/sh\necho\n", "a script"},
      {"<!DOCTYPE html><html>", "an HTML page"},
      {"PERFILE2 and more", "a perf.data file"},
      {"SQLite format 3", "an SQLite database"},
      {"{\"a\": 1}\n", "text, not a pprof profile"},
      {"hello, this is only some text\n", "text, not a pprof profile"},
      {"\n\n\n", "text, not a pprof profile"},
      {std::string("PK\x03\x04", 4), "a zip archive"},
  };
  for (const auto& test : cases) {
    expectSays(messageOf(test.bytes), std::string("x.pb.gz: offset 0: ") + test.says);
    expectSays(messageOf(gzipped(test.bytes)), std::string("x.pb.gz: offset 0: ") + test.says);
  }
  expectSays(messageOf(gzipped(gzipped(kGood))), "gzip inside gzip");
}

TEST(BadInput, EmptyFilesSaySo) {
  expectSays(messageOf(""), "offset 0: the file is empty");
  expectSays(messageOf(gzipped("")), "offset 0: nothing is in it once unpacked");
}

TEST(BadInput, FilesThatCannotBeOpenedSayWhy) {
  const std::string folder = ::testing::TempDir();
  expectSays(std::string(readProfile(folder + "no/such.pb.gz").status().message()), "No such file");
  EXPECT_TRUE(absl::IsNotFound(readProfile(folder + "nosuch.pb.gz").status()));
  expectSays(std::string(readProfile(folder).status().message()), "is a directory");
  const std::string path = folder + "formats_denied.pb";
  std::ofstream(path) << kGood;
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  const uid_t user = geteuid();
  constexpr uid_t kNobody = 65534;
  if (user == 0) {  // root may read anything: try as somebody else
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const auto denied = readProfile(path);
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(denied.status()));
  expectSays(std::string(denied.status().message()),
             "cannot be opened: Permission denied; dumps are written with mode");
  std::remove(path.c_str());
}

TEST(BadInput, LengthsBeyondTheFileAreRefusedBeforeMemoryIsTaken) {
  const std::string fourGigabytes("\x12\xff\xff\xff\xff\x0f", 6);
  expectSays(messageOf(kGood + fourGigabytes),
             absl::StrCat("offset ", kGood.size(), ": field 2 of 4294967295 bytes, but 0 are left"));
  expectSays(messageOf(gzipped(kGood + fourGigabytes)), "field 2 of 4294967295 bytes, above the limit");
  const std::string chunk("\xc2\x3e\xff\xff\xff\xff\x0f", 7);
  expectSays(messageOf(gzipped(kGood + chunk)), "field 1000 of 4294967295 bytes, above the limit");
  const std::string unknown("\xa2\x1f\xff\xff\xff\xff\x0f", 7);
  expectSays(messageOf(gzipped(kGood + unknown)), "field 500 of 4294967295 bytes ends in the middle");
  const std::string most("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
  expectSays(messageOf(gzipped(kGood + most)), "field 2 of 18446744073709551615 bytes, above the limit");
  const std::string chunkInside("\xc2\x3e\x06\x22\xff\xff\xff\xff\x0f", 9);
  expectSays(messageOf(kGood + chunkInside),
             "a length that goes beyond its message in heapprof.HeapSnapshot");
  // 700 MiB promised in an honest-looking string within the limits: only what came is held.
  expectSays(messageOf(gzipped(kGood + std::string("\x32\xff\xff\xff\x1f", 5) + "abc")),
             "ends in the middle");
}

TEST(BadInput, WireFaultsAreFoundAtTheirOffset) {
  const std::string at = absl::StrCat("offset ", kGood.size(), ": ");
  expectSays(messageOf(kGood + std::string("\x00\x01", 2)), at + "a field number out of range");
  expectSays(messageOf(kGood + "\x13\x14"), at + "a group");
  expectSays(messageOf(kGood + "\x16"), at + "an unknown wire type");
  expectSays(messageOf(kGood + std::string("\x10\x01", 2)), at + "field 2 has the wrong wire type");
  expectSays(messageOf(kGood + std::string("\x4a\x00", 2)), at + "field 9 has the wrong wire type");
  expectSays(messageOf(kGood + std::string(11, '\xff')), "a number of more than ten bytes");
  expectSays(messageOf(kGood + std::string("\x12\x02\x0b\x0c", 4)),
             absl::StrCat("offset ", kGood.size() + 2, ": a group"));
  expectSays(messageOf(kGood + std::string("\x12\x03\x12\x05\x01", 5)),
             "a length that goes beyond its message in a sample");
  expectSays(messageOf(kGood + std::string("\x12\x03\x0a\x01\x80", 5)),
             absl::StrCat("offset ", kGood.size() + 4, ": a number that ends in the middle"));
  // The first part of a sample's ids ends in the middle; the second would complete it.
  expectSays(messageOf(kGood + std::string("\x12\x06\x0a\x01\x81\x0a\x01\x01", 8)),
             absl::StrCat("offset ", kGood.size() + 4, ": a number that ends in the middle"));
  expectSays(messageOf(kGood + std::string("\x22\x02\x0d\x01", 4)),
             "a number that ends in the middle in a location");
  expectSays(messageOf(kGood + std::string("\xc2\x3e\x02\x23\x24", 5)), "a group");
}

TEST(BadInput, IdsThatDoNotResolveAreNamedWithTheRowsOffset) {
  expectSays(changed([](Profile& p) { p.mutable_sample(3)->set_location_id(1, 77); }),
             "sample 3: location 77 is not in the file");
  expectSays(changed([](Profile& p) { p.mutable_sample(3)->set_location_id(1, ~0ull); }),
             "sample 3: location 18446744073709551615 is not in the file");
  expectSays(changed([](Profile& p) { p.mutable_sample(0)->set_location_id(0, 0); }),
             "location 0 is not in the file");
  expectSays(changed([](Profile& p) { p.mutable_location(2)->set_mapping_id(9); }),
             "location 2: mapping 9 is not in");
  expectSays(changed([](Profile& p) { p.mutable_location(1)->mutable_line(0)->set_function_id(1ull << 40); }),
             "location 1: function 1099511627776 is not in the file");
  Profile profile = dumpLikeProfile();
  profile.mutable_sample(3)->set_location_id(1, 77);
  const std::string bytes = profile.SerializeAsString();
  const std::string row = profile.sample(3).SerializeAsString();
  expectSays(messageOf(bytes), absl::StrCat("offset ", bytes.find(row) - 2, ": sample 3"));
}

TEST(BadInput, ZeroAndDuplicateIdsAreRefused) {
  expectSays(changed([](Profile& p) { p.mutable_location(2)->set_id(1); }),
             "location 2: the id 1 occurs twice");
  expectSays(changed([](Profile& p) { p.mutable_function(1)->set_id(1); }),
             "function 1: the id 1 occurs twice");
  expectSays(changed([](Profile& p) { *p.add_mapping() = p.mapping(0); }),
             "mapping 1: the id 1 occurs twice");
  expectSays(changed([](Profile& p) { p.mutable_location(2)->set_id(0); }), "a location whose id is 0");
  expectSays(changed([](Profile& p) { p.mutable_function(1)->set_id(0); }), "a function whose id is 0");
  expectSays(changed([](Profile& p) { p.mutable_mapping(0)->set_id(0); }), "a mapping whose id is 0");
}

TEST(BadInput, StringIndicesOutOfRangeAreRefused) {
  const std::vector<std::function<void(Profile&)>> changes = {
      [](Profile& p) { p.mutable_sample_type(0)->set_type(14); },
      [](Profile& p) { p.mutable_sample(4)->mutable_label(0)->set_key(-1); },
      [](Profile& p) { p.mutable_sample(4)->mutable_label(0)->set_str(1ll << 32); },
      [](Profile& p) { p.mutable_function(0)->set_filename(14); },
      [](Profile& p) { p.mutable_mapping(0)->set_build_id(0x7fffffffffffffff); },
      [](Profile& p) { p.set_drop_frames(14); },
      [](Profile& p) { p.set_keep_frames(-5); },
      [](Profile& p) { p.mutable_period_type()->set_unit(14); },
      [](Profile& p) { p.add_comment(14); },
      [](Profile& p) { p.set_default_sample_type(14); },
      [](Profile& p) { p.mutable_heap_snapshot()->mutable_header()->set_program(11); },
      [](Profile& p) {
        p.mutable_heap_snapshot()->mutable_header()->mutable_capabilities(0)->set_detail(11);
      },
  };
  for (const auto& change : changes) {
    expectSays(changed(change), "out of range");
  }
  expectSays(changed([](Profile& p) { p.set_string_table(0, "x"); }),
             "string_table[0] is not the empty string");
  expectSays(changed([](Profile& p) { p.clear_string_table(); }), "without a string table");
}

TEST(BadInput, ValuesMustMatchTheSampleTypes) {
  expectSays(changed([](Profile& p) { p.mutable_sample(2)->add_value(1); }),
             "a sample with 3 values where the others have 2");
  expectSays(changed([](Profile& p) { p.add_sample_type(); }),
             "2 values where the profile has 3 sample types");
  expectSays(changed([](Profile& p) { p.clear_sample_type(); }),
             "2 values where the profile has 0 sample types");
}

TEST(BadInput, SnapshotColumnsMustFitTogether) {
  expectSays(changed([](Profile& p) { p.mutable_heap_snapshot()->mutable_extents()->add_kind(1); }),
             "heapprof.Extents.kind has 4 entries");
  expectSays(
      changed([](Profile& p) { p.mutable_heap_snapshot()->mutable_huge_pages()->add_resident_pages(1); }),
      "heapprof.HugePages.resident_pages has 25 entries (8 a row)");
  expectSays(changed([](Profile& p) { p.mutable_heap_snapshot()->mutable_header()->clear_geometry(); }),
             "cannot be read without the geometry");
  expectSays(
      changed([](Profile& p) { p.mutable_heap_snapshot()->mutable_extents()->set_start_delta(1, ~0ull); }),
      "beyond the address space");
  expectSays(changed([](Profile& p) { p.mutable_heap_snapshot()->mutable_stacks()->set_sample_index(0, 5); }),
             "a stack of sample 5, which is not there");
}

TEST(BadInput, DamagedCompressionIsToldWithTheCompressedOffset) {
  const std::string packed = gzipped(kGood);
  expectSays(messageOf(packed.substr(0, packed.size() - 4)),
             absl::StrCat("compressed offset ", packed.size() - 4, ": the gzip stream ends in the middle"));
  std::string wrongSum = packed;
  wrongSum[packed.size() - 8] = static_cast<char>(wrongSum[packed.size() - 8] ^ 1);
  expectSays(messageOf(wrongSum), "gzip: incorrect data check");
  expectSays(messageOf(packed + "garbage"),
             absl::StrCat("compressed offset ", packed.size(), ": bytes that are not gzip"));
  expectSays(messageOf(std::string("\x1f\x8b\x09") + std::string(20, '\0')),
             "gzip: unknown compression method");
  expectSays(messageOf(std::string("\x28\xb5\x2f\xfd\xff\xff", 6)), "zstd");
  expectSays(messageOf(std::string("\x28\xb5\x2f\xfd", 4)), "zstd stream ends in the middle");
}

}  // namespace
}  // namespace heapprof::formats
