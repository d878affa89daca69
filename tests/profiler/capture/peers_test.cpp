// Which allocators are found, and which are refused, in folders laid out as Debian does on either machine.
#include "profiler/capture/peers.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kPrograms = CAPTURE_PROGRAMS;
const std::string kProbe = kPrograms + "/libprobe.so";

#if defined(__aarch64__)
constexpr char kOurs[] = "usr/lib/aarch64-linux-gnu", kOthers[] = "usr/lib/x86_64-linux-gnu";
#else
constexpr char kOurs[] = "usr/lib/x86_64-linux-gnu", kOthers[] = "usr/lib/aarch64-linux-gnu";
#endif

class PeersBelow : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / absl::StrCat("heapprof-peers.", ::getpid());
    for (const char* folder : {kOurs, kOthers, "usr/lib", "usr/local/lib"})
      fs::create_directories(root_ / folder);
  }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path) const { fs::copy_file(kProbe, root_ / path); }
  std::vector<std::string> found() const {
    std::vector<std::string> all;
    for (const Peer& peer : installedPeers(kProbe, root_).found) {
      all.push_back(peer.library.empty()
                        ? peer.name
                        : absl::StrCat(peer.name, " ", fs::relative(peer.library, root_).string()));
    }
    return all;
  }
  fs::path root_;
};

TEST_F(PeersBelow, AreFoundInTheFolderOfThisMachine) {
  put(absl::StrCat(kOurs, "/libjemalloc.so.2"));
  put(absl::StrCat(kOurs, "/libtcmalloc_minimal.so.4"));
  put(absl::StrCat(kOurs, "/libtcmalloc_minimal_debug.so.4"));
  put("usr/local/lib/libmimalloc.so.3.1");
  EXPECT_THAT(found(), ElementsAre("glibc", absl::StrCat("jemalloc ", kOurs, "/libjemalloc.so.2"),
                                   "mimalloc usr/local/lib/libmimalloc.so.3.1",
                                   absl::StrCat("tcmalloc ", kOurs, "/libtcmalloc_minimal.so.4")));
  EXPECT_THAT(installedPeers(kProbe, root_).missing, ElementsAre());
}

TEST_F(PeersBelow, OfSeveralVersionsTheHighestIsTaken) {
  for (const char* version : {"2", "2.0", "10", "9.3"}) put(absl::StrCat(kOurs, "/libmimalloc.so.", version));
  EXPECT_THAT(found(), ElementsAre("glibc", absl::StrCat("mimalloc ", kOurs, "/libmimalloc.so.10")));
}

TEST_F(PeersBelow, WhatIsMissingIsNamedWithItsPackage) {
  put(absl::StrCat(kOthers, "/libjemalloc.so.2"));  // where the other machine's lie
  std::ofstream(root_ / kOurs / "libmimalloc.so.2") << "no library";
  EXPECT_THAT(found(), ElementsAre("glibc"));
  EXPECT_THAT(installedPeers(kProbe, root_).missing,
              ElementsAre("jemalloc (package libjemalloc2)", "mimalloc (package libmimalloc2.0)",
                          "tcmalloc (package libtcmalloc-minimal4)"));
}

TEST_F(PeersBelow, NamedOnesAreLookedAtBeforeTheyAreTaken) {
  const auto refusal = [](const std::string& text) {
    return std::string(namedPeer(text, kProbe).status().message());
  };
  EXPECT_THAT(refusal("libfoo.so"), HasSubstr("is not NAME=LIB"));
  EXPECT_THAT(refusal("=libfoo.so"), HasSubstr("is not NAME=LIB"));
  EXPECT_THAT(refusal("foo="), HasSubstr("is not NAME=LIB"));
  EXPECT_THAT(refusal("foo=/none/libfoo.so"), HasSubstr("/none/libfoo.so: No such file"));
  EXPECT_THAT(refusal("foo=/usr/lib"), HasSubstr("is a folder"));
  EXPECT_THAT(refusal("foo=/etc/passwd"), HasSubstr("/etc/passwd"));
  EXPECT_THAT(refusal("foo=" + kPrograms + "/plain_static"), HasSubstr("is no shared library"));
  EXPECT_THAT(refusal("glibc=" + kProbe), HasSubstr("without a library"));
  if (fs::exists(kPrograms + "/plain_aarch64")) {
    EXPECT_THAT(refusal("foo=" + kPrograms + "/plain_aarch64"), HasSubstr("another machine"));
  }
  put("usr/lib/a b.so");
  EXPECT_THAT(refusal("foo=" + (root_ / "usr/lib/a b.so").string()), HasSubstr("no path with blanks"));
  EXPECT_EQ(namedPeer("foo=" + kProbe, kProbe)->library, kProbe);
}

}  // namespace
}  // namespace heapprof::capture
