#include "runtime/os/os.h"

#include <cstdio>
#include <cstring>
#include <errno.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "runtime/os/fake.h"

namespace heapprof::os {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(Os, ReservedMemoryIsAlignedAndUsableOnceCommitted) {
  for (const std::size_t alignment : {pageBytes(), 2 * kMiB, 64 * kMiB}) {
    auto* start = static_cast<char*>(calls().reserve(8 * kMiB, alignment));
    ASSERT_NE(start, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(start) % alignment, 0u);
    ASSERT_TRUE(calls().commit(start, kMiB));
    start[0] = start[kMiB - 1] = 'x';
    ASSERT_TRUE(calls().discard(start, kMiB));
    EXPECT_EQ(start[0], 0);
    EXPECT_TRUE(calls().unreserve(start, 8 * kMiB));
  }
}

TEST(Os, ReserveNeedsNoRoomBesideTheBytesWhereAddressSpaceIsShort) {
  const pid_t child = fork();
  if (child == 0) {
    unsigned long pages = 0;
    std::FILE* statm = std::fopen("/proc/self/statm", "r");
    if (statm == nullptr || std::fscanf(statm, "%lu", &pages) != 1) _exit(1);
    std::fclose(statm);
    // Room for the 8 MiB, not for 2 MiB of slack as well.
    const rlim_t limit = pages * pageBytes() + 9 * kMiB;
    const rlimit value{limit, limit};
    if (setrlimit(RLIMIT_AS, &value) != 0) _exit(2);
    if (calls().reserve(64 * kMiB, pageBytes()) != nullptr) _exit(77);
    void* start = calls().reserve(8 * kMiB, 2 * kMiB);
    if (start == nullptr || reinterpret_cast<std::uintptr_t>(start) % (2 * kMiB) != 0) _exit(3);
    errno = 0;
    _exit(calls().reserve(8 * kMiB, 2 * kMiB) == nullptr && errno == ENOMEM ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "RLIMIT_AS is not kept here";
  EXPECT_EQ(status, 0);
}

// What a daemon does while a thread of ours reads a file: it closes all, and opens its own on the same
// numbers.
TEST(Os, ANumberThatTheProgramHasTakenMeanwhileIsNeitherReadNorClosed) {
  const int fd = calls().openRead("/proc/self/stat");
  ASSERT_GE(fd, 0);
  char text[64];
  EXPECT_GT(calls().read(fd, text, sizeof text), 0);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(dup2(ends[0], fd), fd);
  ASSERT_EQ(write(ends[1], "program", 7), 7);
  errno = 0;
  EXPECT_EQ(calls().read(fd, text, sizeof text), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_FALSE(calls().close(fd));
  EXPECT_EQ(read(fd, text, sizeof text), 7) << "still the program's, whole";
  // From here on the number is not ours: a close that is asked for is made.
  EXPECT_TRUE(calls().close(fd));
  close(ends[0]);
  close(ends[1]);
  // However many are open at once and whatever numbers they have had, each is read and closed.
  for (int round = 0; round < 3; ++round) {
    int files[6];
    for (int& file : files) ASSERT_GE(file = calls().openRead("/proc/self/maps"), 0);
    for (const int file : files) {
      EXPECT_GT(calls().read(file, text, sizeof text), 0);
      EXPECT_TRUE(calls().close(file));
      EXPECT_FALSE(calls().close(file));
    }
  }
}

TEST(Os, ReserveSaysEnomemWhenTheSizeWraps) {
  errno = 0;
  EXPECT_EQ(calls().reserve(~std::size_t{0} - 4095, 2 * kMiB), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(Os, RenameNeverReplacesAFile) {
  char directory[] = "/tmp/heapprof-os-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string a = std::string(directory) + "/a", b = std::string(directory) + "/b";
  for (const std::string& name : {a, b}) {
    const int fd = calls().createNew(name.c_str(), 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(calls().write(fd, name.c_str(), name.size()), static_cast<long>(name.size()));
    EXPECT_TRUE(calls().close(fd));
  }
  EXPECT_EQ(calls().createNew(a.c_str(), 0600), -1);
  EXPECT_FALSE(calls().renameNoReplace(a.c_str(), b.c_str()));
  EXPECT_EQ(errno, EEXIST);
  EXPECT_TRUE(calls().unlink(b.c_str()));
  EXPECT_TRUE(calls().renameNoReplace(a.c_str(), b.c_str()));
  EXPECT_TRUE(calls().unlink(b.c_str()));
  rmdir(directory);
}

TEST(Os, GeometryIsThatOfTheKernel) {
  EXPECT_EQ(geometry().pageBytes, static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(geometry().hugePageBytes % geometry().pageBytes, 0u);
  EXPECT_GT(physicalMemoryBytes(), kMiB);
}

TEST(Os, ThreadIdIsTheKernelsInEveryThreadAndInAForkedChild) {
  EXPECT_EQ(threadId(), static_cast<std::uint64_t>(getpid()));
  std::thread([] { EXPECT_NE(threadId(), static_cast<std::uint64_t>(getpid())); }).join();
  const pid_t child = fork();
  if (child == 0) {
    forgetThreadId();
    _exit(threadId() == static_cast<std::uint64_t>(getpid()) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Fake, FailsTheNthCallOfAKindAndNoOther) {
  Fake fake;
  fake.failNth(CallKind::kMapMetadata, 2);
  void* first = calls().mapMetadata(pageBytes());
  errno = 0;
  EXPECT_EQ(calls().mapMetadata(pageBytes()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  void* third = calls().mapMetadata(pageBytes());
  EXPECT_NE(first, nullptr);
  EXPECT_NE(third, nullptr);
  EXPECT_EQ(fake.callsOf(CallKind::kMapMetadata), 3u);
  EXPECT_EQ(fake.failures(), 1u);
  calls().unreserve(first, pageBytes());
  calls().unreserve(third, pageBytes());
}

TEST(Os, APauseLastsAsLongAsAskedAndKeepsErrno) {
  const std::uint64_t from = calls().monotonicNanos();
  errno = 4711;
  calls().pause(3000000);
  EXPECT_EQ(errno, 4711);
  EXPECT_GE(calls().monotonicNanos() - from, 3000000u);
}

TEST(Fake, ClockMovesOnlyWhenTold) {
  Fake fake;
  fake.setClock(100, 200);
  EXPECT_EQ(calls().monotonicNanos(), 100u);
  fake.advanceClock(5);
  EXPECT_EQ(calls().monotonicNanos(), 105u);
  EXPECT_EQ(calls().realtimeNanos(), 205u);
}

TEST(Fake, CallsTakeTheTimeTheyAreToldToByItsClockAlone) {
  Fake fake;
  fake.setClock(100, 200);
  calls().pause(1000000000);
  EXPECT_EQ(calls().monotonicNanos(), 1000000100u);
  EXPECT_EQ(fake.callsOf(CallKind::kPause), 1u);
  fake.takes(CallKind::kUnlink, 7);
  fake.failNth(CallKind::kUnlink, 1);
  calls().unlink("/nonexistent");
  EXPECT_EQ(calls().monotonicNanos(), 1000000107u);
  EXPECT_EQ(calls().realtimeNanos(), 1000000207u);
}

TEST(Fake, GivesTheKernelBackWhenDestroyed) {
  {
    Fake fake;
    EXPECT_NE(&calls(), &kernel());
  }
  EXPECT_EQ(&calls(), &kernel());
}

}  // namespace
}  // namespace heapprof::os
