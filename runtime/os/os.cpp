#include "runtime/os/os.h"

#include <atomic>
#include <climits>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/os/opened.h"
#include "runtime/os/sockets.h"

// Older headers lack some of these; the numbers are the kernel's interface and do not change.
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

namespace heapprof::os {
namespace {

constexpr long kProcessMadvise = 440;
constexpr int kPidfdSelfProcess = -10001;           // PIDFD_SELF_THREAD_GROUP, Linux 6.14
constexpr unsigned long kPagemapScan = 0xc0606610;  // _IOWR('f', 16, struct pm_scan_arg), Linux 6.7

void* mapAnonymous(std::size_t bytes, int protection, int extraFlags) noexcept {
  void* start = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | extraFlags, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
}

// Where there is no room for the slack (RLIMIT_AS counts it while it is mapped): the bytes alone. The kernel
// shows a free place; the nearest aligned one below is free in most cases, since mappings grow downwards.
void* reserveExactly(std::size_t bytes, std::size_t alignment) noexcept {
  constexpr int kTries = 64;
  void* raw = mapAnonymous(bytes, PROT_NONE, MAP_NORESERVE);
  std::uintptr_t wanted = reinterpret_cast<std::uintptr_t>(raw) & ~(alignment - 1);
  for (int i = 0; raw != nullptr && i < kTries; i++, wanted -= alignment) {
    if ((reinterpret_cast<std::uintptr_t>(raw) & (alignment - 1)) == 0) return raw;
    munmap(raw, bytes);
    raw = mmap(reinterpret_cast<void*>(wanted), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    if (raw == MAP_FAILED) return nullptr;
  }
  if (raw != nullptr) {
    munmap(raw, bytes);
    errno = ENOMEM;
  }
  return nullptr;
}

void* reserve(std::size_t bytes, std::size_t alignment) noexcept {
  const std::size_t slack = alignment > pageBytes() ? alignment : 0;
  if (bytes + slack < bytes) {
    errno = ENOMEM;
    return nullptr;
  }
  void* raw = mapAnonymous(bytes + slack, PROT_NONE, MAP_NORESERVE);
  if (raw == nullptr && slack != 0) return reserveExactly(bytes, alignment);
  if (raw == nullptr || slack == 0) return raw;
  // Cut the ends off, so that what stays is aligned.
  const auto start = reinterpret_cast<std::uintptr_t>(raw);
  const std::uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
  if (aligned > start) munmap(raw, aligned - start);
  const std::size_t tail = start + slack - aligned;
  if (tail > 0) munmap(reinterpret_cast<void*>(aligned + bytes), tail);
  return reinterpret_cast<void*>(aligned);
}

bool unreserve(void* start, std::size_t bytes) noexcept {
  return munmap(start, bytes) == 0;
}
bool commit(void* start, std::size_t bytes) noexcept {
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}
bool discard(void* start, std::size_t bytes) noexcept {
  return madvise(start, bytes, MADV_DONTNEED) == 0;
}
static_assert(sizeof(Range) == sizeof(iovec) && offsetof(Range, bytes) == offsetof(iovec, iov_len));
constinit std::atomic<bool> batchesRefused{false};

bool discardMany(const Range* ranges, std::size_t count) noexcept {
  std::size_t done = 0;
  while (done < count && !batchesRefused.load(std::memory_order_relaxed)) {
    const std::size_t part = count - done < IOV_MAX ? count - done : IOV_MAX;
    const long bytes = syscall(kProcessMadvise, kPidfdSelfProcess, ranges + done, part, MADV_DONTNEED, 0);
    if (bytes <= 0) {
      batchesRefused.store(true, std::memory_order_relaxed);
      break;
    }
    // It may stop in the middle; a range that was half done is done again.
    for (auto left = static_cast<std::size_t>(bytes); done < count && left >= ranges[done].bytes; ++done) {
      left -= ranges[done].bytes;
    }
  }
  bool all = true;
  for (; done < count; ++done) all = discard(ranges[done].start, ranges[done].bytes) && all;
  return all;
}
constinit std::atomic<bool> populateRefused{false};
void populate(void* start, std::size_t bytes) noexcept {
  if (populateRefused.load(std::memory_order_relaxed)) return;
  const int savedErrno = errno;
  if (madvise(start, bytes, MADV_POPULATE_WRITE) != 0 && errno != EAGAIN && errno != ENOMEM) {
    populateRefused.store(true, std::memory_order_relaxed);
  }
  errno = savedErrno;
}
bool residentPages(void* start, std::size_t bytes, unsigned char* pages) noexcept {
  return mincore(start, bytes, pages) == 0;
}
void* mapMetadata(std::size_t bytes) noexcept {
  return mapAnonymous(bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE);
}
bool adviseHuge(void* start, std::size_t bytes, bool huge) noexcept {
  return madvise(start, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0;
}
bool collapse(void* start, std::size_t bytes) noexcept {
  return madvise(start, bytes, MADV_COLLAPSE) == 0;
}
bool cold(void* start, std::size_t bytes) noexcept {
  return madvise(start, bytes, MADV_COLD) == 0;
}
bool moveMapping(void* from, void* to, std::size_t bytes) noexcept {
  return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) != MAP_FAILED;
}

// The raw calls where libc's are cancellation points: a thread must not be cancelled inside malloc.
int openRead(const char* path) noexcept {
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0));
  if (fd >= 0) noteOpened(fd);
  return fd;
}
int createNew(const char* path, std::uint32_t mode) noexcept {
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode));
}
bool isAnothers(int fd, bool closing) noexcept {
  if (isStillOurs(fd, closing)) return false;
  errno = EBADF;
  return true;
}
long readFile(int fd, void* buffer, std::size_t bytes) noexcept {
  if (isAnothers(fd, false)) return -1;
  long count = 0;
  do {
    count = syscall(SYS_read, fd, buffer, bytes);
  } while (count < 0 && errno == EINTR);
  return count;
}
long readFileAt(int fd, void* buffer, std::size_t bytes, std::uint64_t offset) noexcept {
  long count = 0;
  do {
    count = syscall(SYS_pread64, fd, buffer, bytes, offset);
  } while (count < 0 && errno == EINTR);
  return count;
}
long writeFile(int fd, const void* buffer, std::size_t bytes) noexcept {
  long count = 0;
  do {
    count = syscall(SYS_write, fd, buffer, bytes);
  } while (count < 0 && errno == EINTR);
  return count;
}
bool closeFile(int fd) noexcept {
  return !isAnothers(fd, true) && syscall(SYS_close, fd) == 0;
}

// Where the file system knows no RENAME_NOREPLACE, link and unlink: link fails with EEXIST by itself.
bool renameNoReplace(const char* from, const char* to) noexcept {
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  if (syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0) != 0) return false;
  syscall(SYS_unlinkat, AT_FDCWD, from, 0);
  return true;
}
bool unlinkFile(const char* path) noexcept {
  return syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0;
}
long pagemapScan(int fd, void* scanArguments) noexcept {
  return ioctl(fd, kPagemapScan, scanArguments);
}

std::uint64_t nanosOf(clockid_t clock) noexcept {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u + static_cast<std::uint64_t>(now.tv_nsec);
}
std::uint64_t monotonicNanos() noexcept {
  return nanosOf(CLOCK_MONOTONIC);
}
std::uint64_t realtimeNanos() noexcept {
  return nanosOf(CLOCK_REALTIME);
}

// By a futex that nobody wakes: a sandbox that lets threads be lets it be.
void pauseThread(std::uint64_t nanos) noexcept {
  const int savedErrno = errno;
  const timespec timeout = {0, static_cast<long>(nanos)};
  const int never = 0;
  syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &timeout, nullptr, 0);
  errno = savedErrno;
}

constinit const Calls kernelCalls = {
    .reserve = reserve,
    .unreserve = unreserve,
    .commit = commit,
    .discard = discard,
    .discardMany = discardMany,
    .populate = populate,
    .residentPages = residentPages,
    .mapMetadata = mapMetadata,
    .adviseHuge = adviseHuge,
    .collapse = collapse,
    .cold = cold,
    .moveMapping = moveMapping,
    .openRead = openRead,
    .createNew = createNew,
    .read = readFile,
    .readAt = readFileAt,
    .write = writeFile,
    .close = closeFile,
    .renameNoReplace = renameNoReplace,
    .unlink = unlinkFile,
    .takeEmptyDescriptorTable = takeEmptyDescriptorTable,
    .listenUnix = listenUnix,
    .connectUnix = connectUnix,
    .acceptUnix = acceptUnix,
    .pagemapScan = pagemapScan,
    .monotonicNanos = monotonicNanos,
    .realtimeNanos = realtimeNanos,
    .pause = pauseThread,
};

// Swapped by tests before other threads run; acquire/release all the same, so that ThreadSanitizer sees the
// order.
constinit std::atomic<const Calls*> callsInForce{&kernelCalls};

}  // namespace

// The call itself: ThreadSanitizer, where it sees one, takes descriptors of two tables for one.
FileSeen seeFile(int fd) noexcept {
  struct stat info;
  if (syscall(SYS_fstat, fd, &info) != 0) return {};
  return {true, S_ISREG(info.st_mode), info.st_dev, info.st_ino};
}

std::uint64_t threadCpuNanos() noexcept {
  return nanosOf(CLOCK_THREAD_CPUTIME_ID);
}

std::uint64_t faultsOfOthers() noexcept {
  rusage all = {};
  rusage own = {};
  getrusage(RUSAGE_THREAD, &own);
  getrusage(RUSAGE_SELF, &all);  // later: never less
  return static_cast<std::uint64_t>(all.ru_minflt + all.ru_majflt - own.ru_minflt - own.ru_majflt);
}

const Calls& calls() noexcept {
  return *callsInForce.load(std::memory_order_acquire);
}

void replaceCalls(const Calls* table) noexcept {
  callsInForce.store(table == nullptr ? &kernelCalls : table, std::memory_order_release);
}

const Calls& kernel() noexcept {
  return kernelCalls;
}

}  // namespace heapprof::os
