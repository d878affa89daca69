// The cache may only ever say what resolving says, whatever lies in its folder.
#include "profiler/symbols/symbol_cache.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace heapprof::symbols {
namespace {

namespace fs = std::filesystem;

constexpr char kBuildId[] = "0123456789abcdef0123";
constexpr char kStamp[] = "42 bytes, 1.5";

std::vector<Frame> frames(const std::string& name, int depth) {
  std::vector<Frame> all;
  for (int i = 0; i < depth; ++i) {
    Frame frame;
    frame.name = absl::StrCat(name, i);
    frame.systemName = absl::StrCat("_Z", name, i);
    frame.file = absl::StrCat("/src/", name, ".cpp");
    frame.line = 10 * i + 1;
    frame.column = i;
    frame.startLine = 7;
    all.push_back(frame);
  }
  return all;
}

bool same(const absl::optional<std::vector<Frame>>& a, const std::vector<Frame>& b) {
  if (!a || a->size() != b.size()) return false;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const Frame &x = (*a)[i], &y = b[i];
    if (x.name != y.name || x.systemName != y.systemName || x.file != y.file || x.line != y.line ||
        x.column != y.column || x.startLine != y.startLine) {
      return false;
    }
  }
  return true;
}

class SymbolCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }
  SymbolCache open(const std::string& buildId = kBuildId, const std::string& stamp = kStamp) const {
    return SymbolCache(folder_, buildId, stamp);
  }
  void fill(const std::string& buildId = kBuildId) const {
    SymbolCache cache = open(buildId);
    cache.add(0x1000, frames("first", 3));
    cache.add(0x2000, frames("second", 1));
    cache.add(0x3000, {});
    cache.save();
  }
  std::string file(const std::string& buildId = kBuildId) const {
    return absl::StrCat(folder_, "/", buildId, ".pb.zst");
  }
  const fs::path root_ = fs::temp_directory_path() / absl::StrCat("heapprof-symbol-cache.", ::getpid());
  const std::string folder_ = (root_ / "deep" / "symbols").string();
};

TEST_F(SymbolCacheTest, SaysWhatItWasToldAndKeepsItThroughMore) {
  fill();
  SymbolCache again = open();
  EXPECT_TRUE(same(again.find(0x1000), frames("first", 3)));
  EXPECT_TRUE(same(again.find(0x2000), frames("second", 1)));
  EXPECT_TRUE(same(again.find(0x3000), {})) << "known to have no name is not unknown";
  EXPECT_FALSE(again.find(0x4000).has_value());
  again.add(0x4000, frames("first", 2));
  again.save();
  const SymbolCache third = open();
  EXPECT_TRUE(same(third.find(0x1000), frames("first", 3)));
  EXPECT_TRUE(same(third.find(0x4000), frames("first", 2)));
}

TEST_F(SymbolCacheTest, OfAnotherBinaryItSaysNothing) {
  fill();
  EXPECT_FALSE(open("ffff456789abcdef0123").find(0x1000).has_value());
  EXPECT_FALSE(open(kBuildId, "43 bytes, 1.5").find(0x1000).has_value());
  fs::copy_file(file(), file("ffff456789abcdef0123"));
  EXPECT_FALSE(open("ffff456789abcdef0123").find(0x1000).has_value()) << "the name of a file proves nothing";
  for (const char* odd : {"", "../../../etc/passwd", "0123/567", "zz23456789abcdef"}) {
    SymbolCache none = open(odd);
    none.add(1, frames("a", 1));
    none.save();
    EXPECT_FALSE(none.find(1).has_value()) << odd;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(SymbolCacheTest, EachDamagedByteMakesItEmptyAndItIsWrittenAnew) {
  fill();
  std::ifstream in(file(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(whole.size(), 50u);
  const auto put = [&](const std::string& bytes) {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    put(damaged);
    const auto found = open().find(0x1000);
    EXPECT_TRUE(!found || same(found, frames("first", 3))) << at;
    put(whole.substr(0, at));
    EXPECT_FALSE(open().find(0x1000).has_value()) << at;
  }
  put("");
  fill();
  EXPECT_TRUE(same(open().find(0x1000), frames("first", 3)));
}

TEST_F(SymbolCacheTest, WhatOthersCouldWriteIsNotTrusted) {
  fill();
  ASSERT_EQ(chmod(file().c_str(), 0666), 0);
  EXPECT_FALSE(open().find(0x1000).has_value());
  ASSERT_EQ(chmod(file().c_str(), 0600), 0);
  EXPECT_TRUE(open().find(0x1000).has_value());
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  EXPECT_FALSE(open().find(0x1000).has_value());
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  fs::rename(file(), root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", file());
  EXPECT_FALSE(open().find(0x1000).has_value()) << "through a link";
  fs::rename(folder_, root_ / "moved");
  fs::create_directory_symlink(root_ / "moved", folder_);
  EXPECT_FALSE(open().find(0x1000).has_value()) << "in a linked folder";
  if (geteuid() != 0) return;  // only root may give files away
  fs::remove(folder_);
  fill();
  ASSERT_EQ(chown(file().c_str(), 65534, 65534), 0);
  EXPECT_FALSE(open().find(0x1000).has_value()) << "another user's";
  ASSERT_EQ(chown(file().c_str(), 0, 0), 0);
  ASSERT_EQ(chown(folder_.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(open().find(0x1000).has_value()) << "another user's folder";
}

TEST_F(SymbolCacheTest, TheLongestUnusedGoWhenTheFolderIsFull) {
  fill("aaaa456789abcdef0123");
  fill("bbbb456789abcdef0123");
  const auto bytes = fs::file_size(file("aaaa456789abcdef0123"));
  fs::last_write_time(file("aaaa456789abcdef0123"), fs::file_time_type::clock::now() - std::chrono::hours(2));
  fs::last_write_time(file("bbbb456789abcdef0123"), fs::file_time_type::clock::now() - std::chrono::hours(3));
  EXPECT_TRUE(open("bbbb456789abcdef0123").find(0x1000).has_value());  // used now, so the other is older
  std::ofstream(absl::StrCat(folder_, "/.new.left.behind")) << "x";
  fs::last_write_time(absl::StrCat(folder_, "/.new.left.behind"),
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  SymbolCache cache = open();
  cache.add(0x1000, frames("first", 3));
  cache.add(0x2000, frames("second", 1));
  cache.save(2 * bytes + bytes / 2);
  EXPECT_FALSE(fs::exists(file("aaaa456789abcdef0123")));
  EXPECT_TRUE(fs::exists(file("bbbb456789abcdef0123")));
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_FALSE(fs::exists(absl::StrCat(folder_, "/.new.left.behind")));
}

TEST_F(SymbolCacheTest, AFolderThatCannotBeIsNoCacheAndNoError) {
  std::ofstream(root_ / "file") << "x";
  for (const std::string& folder : {std::string(), (root_ / "file" / "below").string()}) {
    SymbolCache cache(folder, kBuildId, kStamp);
    cache.add(1, frames("a", 1));
    cache.save();
    EXPECT_FALSE(cache.find(1).has_value());
  }
}

TEST(SymbolCacheFolder, IsWhatTheEnvironmentSays) {
  const auto with = [](const char* said, const char* cache, const char* home) {
    const auto put = [](const char* name, const char* value) {
      value == nullptr ? unsetenv(name) : setenv(name, value, 1);
    };
    put("HEAPPROF_SYMBOL_CACHE", said);
    put("XDG_CACHE_HOME", cache);
    put("HOME", home);
    return symbolCacheFolder();
  };
  EXPECT_EQ(with("off", "/c", "/h"), "");
  EXPECT_EQ(with("/my", "/c", "/h"), "/my");
  EXPECT_EQ(with(nullptr, "/c", "/h"), "/c/heapprof/symbols");
  EXPECT_EQ(with("", "relative", "/h"), "/h/.cache/heapprof/symbols");
  EXPECT_EQ(with(nullptr, nullptr, nullptr), "");
}

}  // namespace
}  // namespace heapprof::symbols
