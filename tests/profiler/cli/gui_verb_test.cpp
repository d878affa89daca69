// `heapprof gui` becomes the explorer: which one, with which arguments, and what it says where there is none.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "formats/pprof/write_profile.h"
#include "tests/profiler/cli/done.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::cli {
namespace {

namespace fs = std::filesystem;

// An installation of its own, as `cmake --install` lays it out: bin/ with the command line.
class GuiVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / absl::StrCat("heapprof-gui-verb.", ::getpid());
    fs::create_directories(folder_ / "bin");
    fs::create_directories(folder_ / "path");
    fs::copy_file(HEAPPROF_CLI, folder_ / "bin/heapprof");
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A program of that name which says what it was called with.
  void putProgram(const std::string& where) const {
    const fs::path path = folder_ / where / "heapprof-gui";
    std::ofstream(path) << "#!/bin/sh\necho " << where << "\nprintf '%s|' \"$@\"\nexit 7\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  Done run(const std::string& arguments) const {
    return runIn(folder_, absl::StrCat("PATH=", (folder_ / "path").string(), ":/usr/bin:/bin ",
                                       (folder_ / "bin/heapprof").string(), " gui ", arguments));
  }

  fs::path folder_;
};

TEST_F(GuiVerb, TakesTheOneBesideItBeforeThatInPath) {
  putProgram("path");
  EXPECT_EQ(run("").out, "path\n--|");
  putProgram("bin");
  EXPECT_EQ(run("").out, "bin\n--|");
}

TEST_F(GuiVerb, HandsItsArgumentsOnAndEndsWithItsExitStatus) {
  putProgram("bin");
  const Done done = run("'with blanks.pb.gz' -base old.pb.gz --dark other.pb.gz");
  EXPECT_EQ(done.status, 7);
  EXPECT_EQ(done.out, "bin\n--base=old.pb.gz|--dark|--|with blanks.pb.gz|other.pb.gz|");
  EXPECT_EQ(done.err, "");
}

TEST_F(GuiVerb, RefusesAnOptionThatTheExplorerHasNot) {
  putProgram("bin");
  const Done done = run("--nonsense a.pb.gz");
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_THAT(done.err, testing::HasSubstr("--nonsense"));
}

TEST_F(GuiVerb, WhereThereIsNoneSaysInOneLineHowToGetIt) {
  const Done done = run("a.pb.gz");
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_THAT(done.err, testing::StartsWith("heapprof: heapprof-gui is neither at "));
  EXPECT_THAT(done.err, testing::HasSubstr("--component gui"));
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
}

#ifdef HEAPPROF_GUI
TEST_F(GuiVerb, OpensADumpInTheRealExplorer) {
  if (!fs::exists(HEAPPROF_GUI)) GTEST_SKIP() << HEAPPROF_GUI << " is not built";
  ASSERT_TRUE(formats::writeProfile(test::wildColumns(4), folder_ / "a.pb.gz").ok());
  fs::create_symlink(HEAPPROF_GUI, folder_ / "bin/heapprof-gui");
  const Done done = run("--screenshot overview a.pb.gz --size 640x480 -o a.png");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(contentsOf(folder_ / "a.png"), testing::StartsWith("\x89PNG"));
  const Done missing = run("--screenshot overview none.pb.gz -o b.png");
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, testing::HasSubstr("none.pb.gz"));
}
#endif

}  // namespace
}  // namespace heapprof::cli
