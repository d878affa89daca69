// Each reason is shown on a real program of that kind.
#include "profiler/capture/target.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPrograms = CAPTURE_PROGRAMS;
const std::string kLibrary = kPrograms + "/libprobe.so";

absl::StatusOr<Target> inspect(const std::string& command) {
  return inspectTarget({command}, kLibrary);
}

Target inspected(const std::string& name) {
  const auto target = inspect(kPrograms + "/" + name);
  EXPECT_TRUE(target.ok()) << target.status();
  return target.ok() ? *target : Target{};
}

bool isBuilt(const std::string& name) {
  return fs::exists(kPrograms + "/" + name);
}

// A file of its own that a test may change.
class CopyOf {
 public:
  explicit CopyOf(const std::string& from, const std::string& as) : path(testing::TempDir() + as) {
    fs::copy_file(from, path, fs::copy_options::overwrite_existing);
  }
  ~CopyOf() { fs::remove(path); }
  const std::string path;
};

TEST(Target, PlainProgramHasNoObstacle) {
  const Target target = inspected("plain");
  EXPECT_THAT(target.obstacles, IsEmpty());
  EXPECT_THAT(target.notes, IsEmpty());
  EXPECT_EQ(target.name, "plain");
  EXPECT_FALSE(target.startsOthers);
}

TEST(Target, StaticProgramIsSaid) {
  EXPECT_THAT(inspected("plain_static").obstacles, ElementsAre(HasSubstr("statically linked")));
  EXPECT_THAT(inspected("plain_static_pie").obstacles, ElementsAre(HasSubstr("statically linked")));
}

TEST(Target, MuslProgramIsSaid) {
  if (!isBuilt("plain_musl")) GTEST_SKIP() << "musl-tools is not installed";
  EXPECT_THAT(inspected("plain_musl").obstacles, ElementsAre(HasSubstr("runs on musl")));
}

TEST(Target, GoProgramIsSentToGosOwnProfile) {
  if (!isBuilt("plain_go")) GTEST_SKIP() << "golang-go is not installed";
  EXPECT_THAT(inspected("plain_go").obstacles, ElementsAre(HasSubstr("Go's own heap profile")));
}

TEST(Target, OwnMallocIsSaid) {
  EXPECT_THAT(inspected("plain_own_malloc").obstacles, ElementsAre(HasSubstr("defines its own malloc")));
}

TEST(Target, SanitizedProgramIsSaid) {
  EXPECT_THAT(inspected("plain_asan").obstacles, ElementsAre(HasSubstr("built with a sanitizer")));
}

TEST(Target, OtherAllocatorsLibraryIsOnlyNoted) {
  const Target target = inspected("plain_jemalloc");
  EXPECT_THAT(target.obstacles, IsEmpty());
  EXPECT_THAT(target.notes, ElementsAre(HasSubstr("is linked with libjemalloc.so.2")));
}

TEST(Target, OtherMachinesProgramIsSaid) {
  if (!isBuilt("plain_aarch64")) GTEST_SKIP() << "g++-aarch64-linux-gnu is not installed";
  EXPECT_THAT(inspected("plain_aarch64").obstacles, ElementsAre(HasSubstr("is a program for AArch64")));
}

TEST(Target, SetuidOfAnotherUserIsSaidAndOfOneselfIsNot) {
  const CopyOf copy(kPrograms + "/plain", "plain_setuid");
  ASSERT_EQ(chmod(copy.path.c_str(), 04755), 0);
  EXPECT_THAT(inspect(copy.path)->obstacles, IsEmpty());  // our own: nothing changes by executing it
  if (getuid() == 0) {
    ASSERT_EQ(chown(copy.path.c_str(), 65534, 65534), 0);
    ASSERT_EQ(chmod(copy.path.c_str(), 04755), 0);
    EXPECT_THAT(inspect(copy.path)->obstacles, ElementsAre(HasSubstr("is setuid to user 65534")));
    ASSERT_EQ(chmod(copy.path.c_str(), 02755), 0);
    EXPECT_THAT(inspect(copy.path)->obstacles, ElementsAre(HasSubstr("is setgid to group 65534")));
  } else {
    EXPECT_THAT(inspect("passwd")->obstacles, ElementsAre(HasSubstr("is setuid to user 0")));
  }
}

TEST(Target, ScriptIsFollowedToItsInterpreter) {
  const std::string script = testing::TempDir() + "heapprof_script";
  std::ofstream(script) << "#!/usr/bin/env -S sh -e\nexit 0\n";
  chmod(script.c_str(), 0755);
  const auto target = inspect(script);
  ASSERT_TRUE(target.ok());
  EXPECT_THAT(target->notes, ElementsAre(HasSubstr("is a script: what is sampled is its interpreter")));
  EXPECT_EQ(target->executable, fs::canonical("/bin/sh").string());
  EXPECT_TRUE(target->startsOthers);
  std::ofstream(script) << "#!" << kPrograms << "/plain_static\n";
  EXPECT_THAT(inspect(script)->obstacles, ElementsAre(HasSubstr("statically linked")));
  std::ofstream(script) << "#!/no/such/interpreter\n";
  EXPECT_THAT(inspect(script).status().message(),
              HasSubstr("its interpreter cannot be run: /no/such/interpreter"));
  std::ofstream(script) << "echo no shebang\n";
  EXPECT_THAT(inspect(script).status().message(), HasSubstr("neither an ELF program nor a script"));
  fs::remove(script);
}

TEST(Target, WhatCannotBeStartedIsAnError) {
  EXPECT_EQ(inspect("heapprof-no-such-command").status().message(),
            "heapprof-no-such-command: command not found in PATH");
  EXPECT_THAT(inspect("/tmp").status().message(), HasSubstr("is a folder"));
  const CopyOf copy(kPrograms + "/plain", "plain_not_executable");
  chmod(copy.path.c_str(), 0644);
  EXPECT_THAT(inspect(copy.path).status().message(), HasSubstr("not executable"));
  EXPECT_FALSE(inspectTarget({}, kLibrary).ok());
}

TEST(Target, NameIsThatOfTheFileBehindTheLink) {
  const std::string link = testing::TempDir() + "heapprof_link";
  fs::remove(link);
  fs::create_symlink(kPrograms + "/plain", link);
  EXPECT_EQ(inspect(link)->name, "plain");
  fs::remove(link);
}

}  // namespace
}  // namespace heapprof::capture
