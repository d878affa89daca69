// jemalloc's and gperftools' text profiles: the grammar, the unbiasing by hand, and what is wrong by line.
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "formats/legacy/unbias.h"
#include "formats/pprof/read_profile.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

constexpr char kMap[] =
    "\nMAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 fe:00 12 /usr/bin/server\n"
    "00500000-00600000 rw-p 00100000 fe:00 12 /usr/bin/server\n"
    "7f0000000000-7f0000100000 r-xp 00001000 fe:00 13 /usr/lib/libjemalloc.so.2\n"
    "7f0000200000-7f0000300000 r-xp 00002000 fe:00 14 /usr/lib/lib with blank.so\n";

absl::StatusOr<ProfileColumns> read(const std::string& bytes, const std::string& thread = "") {
  ReadOptions options;
  options.thread = thread;
  return readProfileBytes(bytes.data(), bytes.size(), "x.heap", options);
}

ProfileColumns readOk(const std::string& bytes, const std::string& thread = "") {
  absl::StatusOr<ProfileColumns> profile = read(bytes, thread);
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  EXPECT_TRUE(!profile.ok() || validate(*profile, "x.heap").ok());
  return profile.ok() ? *std::move(profile) : ProfileColumns{};
}

std::int64_t total(const ProfileColumns& profile, const std::string& type) {
  std::int64_t sum = 0;
  for (std::size_t t = 0; t < profile.sampleTypes.size(); ++t) {
    if (profile.strings[profile.sampleTypes[t].type] != type) continue;
    for (std::size_t i = 0; i < profile.samples.size(); ++i) {
      sum += profile.samples.values[i * profile.sampleTypes.size() + t];
    }
  }
  return sum;
}

double poisson(double objects, double bytes, double interval) {
  return 1 / (1 - std::exp(-bytes / objects / interval));
}

TEST(TextHeap, JemallocRecordsAreUnbiasedOneByOneAndTheirThreadsShareThem) {
  const ProfileColumns profile =
      readOk(std::string("heap_v2/1000\n"
                         "  t*: 7: 1500 [0: 0]\n"
                         "  t1: 5: 900 [0: 0]\n"
                         "  t2: 2: 600 [0: 0] worker\n"
                         "@ 0x7f0000000010 0x400101 0x7f0000200201\n"
                         "  t*: 6: 1400 [0: 0]\n  t1: 4: 800 [0: 0]\n  t2: 2: 600 [0: 0]\n"
                         "@ 0x400201\n"
                         "  t*: 1: 100 [0: 0]\n  t1: 1: 100 [0: 0]\n") +
             kMap);
  const double whole = 1400 * poisson(6, 1400, 1000) + 100 * poisson(1, 100, 1000);
  EXPECT_NEAR(static_cast<double>(total(profile, "inuse_space")), whole, 0.5);
  EXPECT_NEAR(static_cast<double>(total(profile, "inuse_objects")),
              6 * poisson(6, 1400, 1000) + poisson(1, 100, 1000), 0.5);
  ASSERT_EQ(profile.samples.size(), 3u);
  EXPECT_EQ(profile.sampleTypes.size(), 2u) << "nothing allocated was recorded: absent, not 0";
  EXPECT_EQ(profile.period, 1000);
  // The allocator's own frame is gone; callers are return addresses minus one.
  EXPECT_EQ(profile.samples.locationsOf(0).size(), 2u);
  EXPECT_EQ(profile.locations.address[profile.samples.locationsOf(0)[0]], 0x400100u);
  EXPECT_EQ(profile.locations.address[profile.samples.locationsOf(0)[1]], 0x7f0000200200u);
  EXPECT_EQ(profile.mappings.size(), 3u) << "those that can be executed";
  EXPECT_EQ(profile.strings[profile.mappings[2].file], "/usr/lib/lib with blank.so");
  const LabelColumns& labels = profile.samples.labels;
  std::string said;
  for (std::uint64_t i = 0; i < profile.samples.labelBegin[2]; ++i) {
    said += profile.strings[labels.key[i]] + "=" +
            (labels.str[i] != 0 ? profile.strings[labels.str[i]] : std::to_string(labels.num[i])) + " ";
  }
  EXPECT_EQ(said, "bytes=200 thread=1 bytes=300 thread=2 thread_name=worker ");
}

TEST(TextHeap, OneThreadsRowsAreUnbiasedByThemselves) {
  const std::string text = std::string(
                               "heap_v2/1000\n  t*: 3: 700 [0: 0]\n@ 0x400101\n"
                               "  t*: 3: 700 [0: 0]\n  t1: 2: 100 [0: 0]\n  t2: 1: 600 [0: 0]\n") +
                           kMap;
  EXPECT_NEAR(static_cast<double>(total(readOk(text, "1"), "inuse_space")), 100 * poisson(2, 100, 1000), 0.5);
  EXPECT_NEAR(static_cast<double>(total(readOk(text, "2"), "inuse_space")), 600 * poisson(1, 600, 1000), 0.5);
  EXPECT_EQ(readOk(text, "3").samples.size(), 0u);
}

TEST(TextHeap, GperftoolsKindsAreUnbiasedAsTheyWereSampled) {
  const auto of = [](const std::string& kind) {
    return readOk("heap profile: 2: 2000 [4: 8000] @ " + kind + "\n 2: 2000 [4: 8000] @ 0x400101 0x400201\n" +
                  kMap);
  };
  EXPECT_EQ(total(of("heapprofile"), "inuse_space"), 2000) << "every allocation was recorded";
  EXPECT_EQ(total(of("heapprofile"), "alloc_objects"), 4);
  EXPECT_EQ(total(of("growthz"), "inuse_space"), 2000);
  EXPECT_EQ(total(of("heap_v2/4000"), "inuse_space"), std::llround(2000 * poisson(2, 2000, 4000)));
  EXPECT_EQ(total(of("heap_v2/4000"), "alloc_space"), std::llround(8000 * poisson(4, 8000, 4000)));
  EXPECT_EQ(total(of("heapz_v2"), "inuse_space"), std::llround(2000 * poisson(2, 2000, 128 << 10)));
  EXPECT_EQ(total(of("heap/16000"), "inuse_space"), 16000) << "uniform draws, twice the mean in the header";
  EXPECT_EQ(total(of("heap/100"), "inuse_space"), 2000) << "larger than the mean: seen each time";
}

TEST(TextHeap, ManySmallRecordsKeepTheirTotal) {
  std::string text = "heap_v2/1000\n  t*: 5000: 5000000 [0: 0]\n";
  for (int i = 0; i < 5000; ++i) {
    text += "@ 0x" + std::to_string(400000 + i) + "\n  t*: 1: 1000 [0: 0]\n  t1: 1: 1000 [0: 0]\n";
  }
  const ProfileColumns profile = readOk(text + kMap);
  const double each = poisson(1, 1000, 1000);  // 1.58 objects: rounded one by one they would be 2
  EXPECT_NEAR(static_cast<double>(total(profile, "inuse_objects")), 5000 * each, 0.5);
  EXPECT_NEAR(static_cast<double>(total(profile, "inuse_space")), 5000 * 1000 * each, 0.5);
}

TEST(TextHeap, PackedFilesReadAlike) {
  const std::string text =
      std::string("heap_v2/1000\n  t*: 1: 10 [0: 0]\n@ 0x400101\n  t*: 1: 10 [0: 0]\n") + kMap;
  EXPECT_EQ(total(readOk(testing::gzipped(text)), "inuse_space"), total(readOk(text), "inuse_space"));
}

TEST(TextHeap, WhatIsWrongIsSaidByLineAndOffset) {
  const struct {
    const char* bytes;
    const char* says;
  } cases[] = {
      {"heap_v2/\n", "offset 0: line 1: heap_v2/ without the sampling interval"},
      {"heap_v2/0\n", "line 1: heap_v2/ without"},
      {"heap_v2/12x\n", "line 1: heap_v2/ without"},
      {"heap_v2/99999999999999999999\n", "line 1: heap_v2/ without"},
      {"heap_v2/512\n  t*: 1: 2 [0: 0]\n@ 0x1 zebra\n",
       "offset 30: line 3: what follows @ is not a list of addresses"},
      {"heap_v2/512\n@ 0x1\n  t*: 1: 2 [0: \n", "offset 18: line 3: neither a stack"},
      {"heap_v2/512\n@ 0x1\n  t*: 99999999999999999999: 2 [0: 0]\n", "line 3: neither a stack"},
      {"heap_v2/512\nhello\n", "line 2: neither a stack"},
      {"heap_v2/512\n  t*: 2: 40 [0: 0]\n@ 0x1\n  t*: 1: 20 [0: 0]\n",
       "ends after line 4 with 20 of 40 bytes listed"},
      {"heap_v2/512\n@ 0x1\n  t*: 1: 20 [0: 0]", "ends after line 3"},
      {"heap profile: x\n", "line 1: heap profile: without its totals"},
      {"heap profile: 1: 2 [3: 4] @ heapprofile\n1: 2 [3: 4]\n", "line 2: not a record"},
      {"heap profile: 1: 2 [3: 4] @ heapprofile\n1: 2 [3: 4] @ 0x1 !\n", "line 2: what follows @"},
      {"heap profile: 1: 2 [3: 4] @ heapprofile\n", "ends after line 1 with 0 of 2 bytes listed"},
  };
  for (const auto& test : cases) {
    const absl::StatusOr<ProfileColumns> profile = read(test.bytes);
    ASSERT_FALSE(profile.ok()) << test.bytes;
    const std::string message(profile.status().message());
    EXPECT_EQ(message.rfind("x.heap: offset ", 0), 0u) << message;
    EXPECT_NE(message.find(test.says), std::string::npos) << message;
    EXPECT_NE(message.find("; "), std::string::npos) << message;
  }
}

TEST(TextHeap, ALineWithoutEndAndRowsWithoutNumberTakeBoundedMemory) {
  const auto refused = [](const std::string& bytes, const char* says) {
    ReadOptions options;
    options.maxColumnBytes = 1 << 20;
    const auto profile = readProfileBytes(bytes.data(), bytes.size(), "x.heap", options);
    ASSERT_FALSE(profile.ok());
    EXPECT_NE(profile.status().message().find(says), absl::string_view::npos) << profile.status().message();
  };
  refused("heap_v2/512\n@ " + std::string(3 << 20, '1'), "line 2 is longer than");
  std::string many = "heap_v2/512\n";
  for (int i = 0; i < 20000; ++i) many += "@ 1\n t1: 1: 1 [0: 0]\n";
  refused(many, "need more memory than allowed");
}

}  // namespace
}  // namespace heapprof::formats
