// Damage at every place of a small dump, and bombs: an error or a valid profile, never a crash, never much
// memory.
#include <functional>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats/pprof/read_profile.h"
#include "formats/pprof/row_bytes.h"
#include "formats/pprof/write_profile.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using testing::dumpLikeProfile;
using testing::gzipped;

constexpr char kName[] = "x.pb.gz";

// Address sanitizer keeps freed memory for a while (256 MiB unless told otherwise), and shadows what is in
// use.
#if defined(__SANITIZE_ADDRESS__)
constexpr long kSlackBytes = 300l << 20;
#else
constexpr long kSlackBytes = 0;
#endif

// True when it was accepted; what is accepted must be valid and survive being written.
bool acceptsAndKeepsItsWord(const std::string& bytes) {
  const auto got = readProfileBytes(bytes.data(), bytes.size(), kName);
  if (!got.ok()) {
    EXPECT_EQ(got.status().message().find(kName), 0u);
    EXPECT_EQ(got.status().message().find('\n'), absl::string_view::npos);
    return false;
  }
  EXPECT_TRUE(validate(*got, kName).ok());
  const std::string again = serializeProfile(*got);
  EXPECT_TRUE(readProfileBytes(again.data(), again.size(), kName).ok());
  return true;
}

TEST(DamagedInput, CutAtEveryOffsetIsAnErrorOrAProfile) {
  const std::string plain = dumpLikeProfile().SerializeAsString();
  int accepted = 0;
  for (std::size_t size = 0; size < plain.size(); ++size) {
    accepted += acceptsAndKeepsItsWord(plain.substr(0, size)) ? 1 : 0;
  }
  // Only cuts between top-level fields, after all that samples need has come, can be valid.
  EXPECT_LT(accepted, 40);
  const std::string packed = gzipped(plain);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(acceptsAndKeepsItsWord(packed.substr(0, size))) << "gzip cut at " << size;
  }
}

TEST(DamagedInput, EveryFlippedBitIsAnErrorOrAProfile) {
  for (const bool packed : {false, true}) {
    const std::string plain = dumpLikeProfile().SerializeAsString();
    std::string bytes = packed ? gzipped(plain) : plain;
    int accepted = 0;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      const auto mask = static_cast<char>(1 << (bit % 8));
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
      accepted += acceptsAndKeepsItsWord(bytes) ? 1 : 0;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    }
    // gzip's checksum lets only its header's unused bits through (time, flags that mean nothing, system).
    EXPECT_LT(accepted, packed ? 120 : static_cast<int>(8 * bytes.size()));
  }
}

// Runs `body` in a child and gives how much its peak RSS rose, in bytes; the child must end well.
long peakOf(const std::function<void()>& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    body();
    getrusage(RUSAGE_SELF, &after);
    const long grown = (after.ru_maxrss - before.ru_maxrss) * 1024;
    const ssize_t put = write(ends[1], &grown, sizeof grown);
    _exit(put == sizeof grown && !::testing::Test::HasFailure() ? 0 : 1);
  }
  long grown = -1;
  close(ends[1]);
  EXPECT_EQ(read(ends[0], &grown, sizeof grown), static_cast<ssize_t>(sizeof grown));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return grown;
}

std::string repeated(const std::string& piece, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + piece.size());
  while (out.size() < bytes) {
    out += piece;
  }
  return out;
}

// Fields that are cheap in the file and dear in memory.
TEST(DamagedInput, BombsStayWithinTheLimitsTheyWereGiven) {
  constexpr std::uint64_t kMiB = 1 << 20;
  auto profile = dumpLikeProfile();
  profile.clear_heap_snapshot();
  const std::string good = profile.SerializeAsString();
  const auto field = [](std::uint32_t number, const std::string& content) {
    RowBytes row;
    row.beginBytes(number, content.size());
    return row.bytes() + content;
  };
  const std::string pieces[] = {
      std::string("\x32\x00", 2),                  // empty strings
      std::string("\x12\x04\x12\x02\x00\x00", 6),  // samples of nothing
      field(2, repeated(std::string("\x1a\x00", 2), 60000) +
                   std::string("\x12\x02\x00\x00", 4)),                                 // empty labels
      field(4, std::string("\x08\x01") + repeated(std::string("\x22\x00", 2), 60000)),  // empty lines
      field(1000, field(4, field(1, std::string(60000, '\x01')))),                      // one byte an extent
      field(1000, field(7, repeated(std::string("\x8a\x01\x00", 3), 60000))),           // empty purge events
      field(1000, field(1, repeated(std::string("\x6a\x00", 2), 60000))),               // empty capabilities
      field(1000, repeated(std::string("\x5a\x00", 2), 60000)),      // empty snapshot strings
      field(1000, repeated(std::string("\xfa\x7d\x00", 3), 60000)),  // unknown fields of the snapshot
  };
  for (std::size_t i = 0; i < std::size(pieces); ++i) {
    const std::string bomb = gzipped(good + repeated(pieces[i], 48 * kMiB));
    const long grown = peakOf([&] {
      ReadOptions options;
      options.maxColumnBytes = 64 * kMiB;
      const auto got = readProfileBytes(bomb.data(), bomb.size(), kName, options);
      EXPECT_FALSE(got.ok()) << i;
      EXPECT_NE(got.status().message().find("limit of 67108864 bytes"), absl::string_view::npos)
          << i << ": " << got.status().message();
    });
    EXPECT_LT(grown, static_cast<long>(3 * 64 * kMiB) + kSlackBytes) << i;  // old copies while columns grow
  }
}

TEST(DamagedInput, AMessageAboveItsLimitIsRefusedWithoutHoldingIt) {
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::string good = dumpLikeProfile().SerializeAsString();
  // 600 MiB of an unknown field, which is skipped and never held; then a limit below it.
  RowBytes head;
  head.beginBytes(500, 600 * kMiB);
  const std::string bomb = gzipped(good + head.bytes() + std::string(600 * kMiB, '\0'));
  EXPECT_LT(bomb.size(), kMiB);
  const long grown = peakOf([&] {
    ReadOptions options;
    EXPECT_TRUE(readProfileBytes(bomb.data(), bomb.size(), kName, options).ok());
    options.maxMessageBytes = 100 * kMiB;
    const auto got = readProfileBytes(bomb.data(), bomb.size(), kName, options);
    EXPECT_TRUE(absl::IsResourceExhausted(got.status())) << got.status().message();
    EXPECT_NE(got.status().message().find("offset 104857600: the message is larger than the limit"),
              absl::string_view::npos)
        << got.status().message();
  });
  EXPECT_LT(grown, static_cast<long>(8 * kMiB) + kSlackBytes);
}

}  // namespace
}  // namespace heapprof::formats
