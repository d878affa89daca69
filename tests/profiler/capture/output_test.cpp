#include "profiler/capture/output.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("heapprof_output [a*b]" + std::to_string(getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void touch(const std::string& name) const { std::ofstream(folder_ / name) << "x"; }
  fs::path folder_;
};

TEST_F(OutputTest, FolderIsMadeAndNamesOfTheRuntimeUsed) {
  const auto output = prepareOutput((folder_ / "deep").string());
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(fs::is_directory(folder_ / "deep"));
  EXPECT_EQ(output->pathTemplate, (folder_ / "deep" / "heapprof.%e.%p.%n.pb.gz").string());
  EXPECT_TRUE(fs::is_empty(folder_ / "deep")) << "the probe must not stay";
}

TEST_F(OutputTest, TemplateIsTakenAsItIsAndMadeAbsolute) {
  const auto output = prepareOutput("redis.%p.pb.gz");
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->pathTemplate, (fs::current_path() / "redis.%p.pb.gz").string());
}

TEST_F(OutputTest, OnlyFilesOfThisRunAreListed) {
  fs::create_directories(folder_);
  touch("heapprof.a.1.1.pb.gz");
  const auto output = prepareOutput(folder_.string());
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(newDumps(*output).empty());
  touch("heapprof.a.2.1.pb.gz");
  touch("heapprof.a.2.2.pb.gz.tmp");
  touch("unrelated.pb.gz");
  EXPECT_THAT(newDumps(*output), testing::ElementsAre((folder_ / "heapprof.a.2.1.pb.gz").string()));
  EXPECT_THAT(cutOffDumps(*output), testing::ElementsAre((folder_ / "heapprof.a.2.2.pb.gz.tmp").string()));
}

TEST_F(OutputTest, FolderWithoutPermissionIsSaidBefore) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  const pid_t child = fork();  // root may write anywhere: ask as nobody
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(3);
    const auto output = prepareOutput(folder_.string());
    const bool said =
        absl::IsPermissionDenied(output.status()) &&
        std::string(output.status().message()).find("no dump can be written here") != std::string::npos;
    const auto below = prepareOutput((folder_ / "below").string());
    const bool saidBelow = std::string(below.status().message()).find("cannot be made") != std::string::npos;
    _exit(said && saidBelow ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  fs::permissions(folder_, fs::perms::owner_all);
}

TEST_F(OutputTest, PathThatHeapprofCannotCarryIsRefused) {
  EXPECT_THAT(std::string(prepareOutput("/tmp/a,b/").status().message()),
              HasSubstr("separates its options by commas"));
  EXPECT_THAT(std::string(prepareOutput("/tmp/" + std::string(600, 'x')).status().message()),
              HasSubstr("longer than 511"));
}

}  // namespace
}  // namespace heapprof::capture
