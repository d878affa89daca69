// A dump's file is whole or absent, under its own name, and nobody else's file is ever touched.
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "runtime/introspect/file_sink.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Runs in a forked child; its return value is the exit status.
template <typename Body>
int inChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "the child died of signal " << WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(DumpFile, IsPrivateAndAlone) {
  const Scratch scratch;
  ASSERT_EQ(heapprof_dump(scratch.path("a.pb.gz").c_str()), 0);
  EXPECT_THAT(scratch.files(), ElementsAre("a.pb.gz"));
  struct stat info;
  ASSERT_EQ(stat(scratch.path("a.pb.gz").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(DumpFile, NeverReplacesAnother) {
  const Scratch scratch;
  std::ofstream(scratch.path("mine")) << "precious";
  EXPECT_EQ(heapprof_dump(scratch.path("mine").c_str()), EEXIST);
  EXPECT_EQ(readFile(scratch.path("mine")), "precious");
  std::ofstream(scratch.path("b.tmp")) << "also precious";
  EXPECT_EQ(heapprof_dump(scratch.path("b").c_str()), EEXIST);
  EXPECT_EQ(readFile(scratch.path("b.tmp")), "also precious");
}

TEST(DumpFile, MissingFolderAndForbiddenFolderSaySo) {
  errno = 77;
  EXPECT_EQ(heapprof_dump("/nonexistent/folder/x.pb.gz"), ENOENT);
  EXPECT_EQ(heapprof_dump("/dev/null/x.pb.gz"), ENOTDIR);
  EXPECT_EQ(heapprof_dump((std::string(2000, 'x')).c_str()), ENAMETOOLONG);
  EXPECT_EQ(errno, 77) << "errno is preserved";
}

// /dev/full fails every write with ENOSPC.
TEST(DumpFile, AFullDeviceIsAnError) {
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(heapprof_dump_fd(fd), ENOSPC);
  close(fd);
}

TEST(DumpFile, AFileSizeLimitIsAnErrorAndNotTheProgramsDeath) {
  const Scratch scratch;
  const std::string path = scratch.path("limited");
  EXPECT_EQ(inChild([&] {
              const rlimit limit{512, 512};
              setrlimit(RLIMIT_FSIZE, &limit);
              return heapprof_dump(path.c_str()) == EFBIG ? 7 : 1;
            }),
            7);
  EXPECT_THAT(scratch.files(), IsEmpty());
}

TEST(DumpFile, AReaderThatWentAwayIsAnErrorAndNotTheProgramsDeath) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  EXPECT_EQ(inChild([&] { return heapprof_dump_fd(ends[1]) == EPIPE ? 7 : 1; }), 7);
  close(ends[1]);
}

TEST(DumpFile, AClosedDescriptorIsRefused) {
  EXPECT_EQ(heapprof_dump_fd(-1), EBADF);
  EXPECT_EQ(heapprof_dump_fd(987), EBADF);
}

// Daemons close every descriptor and open their own: ours must then not be written to.
TEST(FileSink, StopsWhenItsDescriptorBecomesAnotherFile) {
  const Scratch scratch;
  const int fd = open(scratch.path("ours").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const int other = open(scratch.path("theirs").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  unsigned char buffer[16];
  introspect::FileSink file(fd, buffer, sizeof buffer);
  const wire::Sink sink = file.sink();
  ASSERT_TRUE(sink.put(sink.context, "0123456789abcdef", 16));
  ASSERT_EQ(dup2(other, fd), fd);
  EXPECT_TRUE(sink.put(sink.context, "x", 1));
  EXPECT_FALSE(file.flush());
  EXPECT_EQ(file.error(), EBADF);
  EXPECT_FALSE(file.stillOurs());
  EXPECT_EQ(readFile(scratch.path("ours")), "0123456789abcdef");
  EXPECT_EQ(readFile(scratch.path("theirs")), "");
  close(fd);
  close(other);
}

TEST(DumpFile, AForkedChildHasItsOwnPidAndNumbers) {
  const Scratch scratch;
  ASSERT_EQ(heapprof_dump(scratch.path("parent").c_str()), 0);
  const std::string path = scratch.path("child");
  pid_t child = fork();
  if (child == 0) _exit(heapprof_dump(path.c_str()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto parent = readDump(scratch.path("parent"));
  const auto dump = readDump(path);
  EXPECT_EQ(dump.heapSnapshot.header().pid(), static_cast<std::uint64_t>(child));
  EXPECT_EQ(dump.heapSnapshot.header().sequence(), 1u);
  EXPECT_GE(dump.heapSnapshot.header().start_time_nanos(), parent.heapSnapshot.header().dump_time_nanos());
}

TEST(DumpFile, AVforkChildNeverDumps) {
  const Scratch scratch;
  const std::string path = scratch.path("vfork");
  volatile int result = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const pid_t child = vfork();
#pragma GCC diagnostic pop
  if (child == 0) {
    result = heapprof_dump(path.c_str());
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(result, ECANCELED);
  EXPECT_THAT(scratch.files(), IsEmpty());
  EXPECT_EQ(heapprof_dump(path.c_str()), 0) << "the parent dumps as before";
}

TEST(DumpFile, ClosedFilesAndMemoryAreGivenBackAfterEachDump) {
  const Scratch scratch;
  ASSERT_EQ(heapprof_dump(scratch.path("0").c_str()), 0);
  const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(lowest);
  heapprof_stats before = {};
  ASSERT_EQ(heapprof_get_stats(&before, sizeof before), 0);
  for (int i = 1; i < 20; ++i) ASSERT_EQ(heapprof_dump(scratch.path(std::to_string(i)).c_str()), 0);
  const int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(again);
  EXPECT_EQ(again, lowest);
  heapprof_stats after = {};
  ASSERT_EQ(heapprof_get_stats(&after, sizeof after), 0);
  EXPECT_EQ(after.metadata_bytes, before.metadata_bytes);
}

TEST(Stats, AsJsonSayTheSameAndAreCutOffWithAnError) {
  char text[2048];
  heapprof_stats stats = {};
  ASSERT_EQ(heapprof_stats_json(text, sizeof text), 0);
  ASSERT_EQ(heapprof_get_stats(&stats, sizeof stats), 0);
  const std::string json = text;
  EXPECT_EQ(json.front(), '{');
  EXPECT_EQ(json.back(), '}');
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_NE(json.find("\"live_bytes\":" + std::to_string(stats.live_bytes)), std::string::npos) << json;
  EXPECT_NE(json.find("\"version\":\"" + std::string(heapprof_version()) + "\""), std::string::npos);
  EXPECT_EQ(heapprof_stats_json(text, 20), ENOSPC);
  EXPECT_EQ(std::strlen(text), 19u);
  EXPECT_EQ(heapprof_stats_json(nullptr, 20), EINVAL);
  EXPECT_EQ(heapprof_stats_json(text, 0), EINVAL);
}

}  // namespace
}  // namespace heapprof::tests
