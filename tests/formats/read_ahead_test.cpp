// A message large enough to be unpacked by a thread of its own reads as a small one does: the same columns,
// the same errors, progress on the thread that asked.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <thread>
#include <unistd.h>

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"
#include "tests/formats/column_oracle.h"

namespace heapprof::formats {
namespace {

using ::testing::HasSubstr;

// Some megabytes that no packer makes smaller.
ProfileColumns large() {
  ProfileColumns columns;
  std::mt19937 random(7);
  for (int i = 0; i < 100; ++i) {
    std::string text(40000, ' ');
    for (char& c : text) c = static_cast<char>(random() % 256);
    columns.strings.push_back(text);
  }
  return columns;
}

class ReadAhead : public ::testing::TestWithParam<Compression> {
 protected:
  void SetUp() override { ASSERT_TRUE(writeProfile(large(), path_, GetParam()).ok()); }
  void TearDown() override { std::filesystem::remove(path_); }
  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("heapprof-read-ahead." + std::to_string(::getpid())))
          .string();
};

TEST_P(ReadAhead, GivesWhatWasWrittenAndTellsProgressOnTheCallersThread) {
  const std::thread::id caller = std::this_thread::get_id();
  std::uint64_t last = 0, calls = 0;
  ReadOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_GE(done, last);
    EXPECT_EQ(total, std::filesystem::file_size(path_));
    last = done;
    ++calls;
    return true;
  };
  const auto read = readProfile(path_, options);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(formats::testing::difference(*read, large()), "");
  EXPECT_EQ(last, std::filesystem::file_size(path_));
  EXPECT_EQ(read->fileBytes, last);
  EXPECT_GE(calls, 3u);
}

TEST_P(ReadAhead, CancelledInTheMiddleItSaysSo) {
  ReadOptions options;
  options.progress = [](std::uint64_t done, std::uint64_t) { return done < 2'000'000; };
  EXPECT_TRUE(absl::IsCancelled(readProfile(path_, options).status()));
}

TEST_P(ReadAhead, CutShortItSaysWhereAsAReadFromAPipeDoes) {
  const std::uint64_t kept = std::filesystem::file_size(path_) - 1'000'000;
  std::filesystem::resize_file(path_, kept);
  const auto read = readProfile(path_);
  ASSERT_FALSE(read.ok());
  // Through a pipe nothing is read ahead.
  std::FILE* pipe = popen(("cat " + path_).c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  const auto piped = readProfile("/proc/self/fd/" + std::to_string(fileno(pipe)));
  pclose(pipe);
  ASSERT_FALSE(piped.ok());
  const std::string said(read.status().message()), saidOfPipe(piped.status().message());
  if (GetParam() == Compression::kNone) {
    EXPECT_THAT(said, HasSubstr("bytes, but"));  // a file's size is known, a pipe's is not
  } else {
    EXPECT_EQ(said.substr(said.find(": ")), saidOfPipe.substr(saidOfPipe.find(": ")));
    EXPECT_THAT(said, HasSubstr(std::to_string(kept)));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ReadAhead,
                         ::testing::Values(Compression::kNone, Compression::kGzip, Compression::kZstd));

}  // namespace
}  // namespace heapprof::formats
