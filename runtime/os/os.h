// The platform contract, one page: every system call the allocator, the sampler and the dump make for memory,
// time and files goes through here, so that a fake can fail the Nth one (os/fake.h, tests only).
//
// Invariant: functions return false/null/negative and leave errno as the kernel set it; none allocates, none
// takes a lock of ours. `calls()` is a table of pointers swapped only by tests, before any other thread runs.
// Threads: all functions may be called from any thread and from a forked child.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::os {

struct Geometry {
  std::size_t pageBytes;      // sysconf page size: 4, 16 or 64 KiB
  std::size_t hugePageBytes;  // PMD size read from the kernel; 0 where unknown
};

struct Range {
  void* start;
  std::size_t bytes;
};

struct Calls {
  void* (*reserve)(std::size_t bytes, std::size_t alignment);  // PROT_NONE, NORESERVE; null on failure
  bool (*unreserve)(void* start, std::size_t bytes);
  bool (*commit)(void* start, std::size_t bytes);   // make readable and writable
  bool (*discard)(void* start, std::size_t bytes);  // MADV_DONTNEED: content is zero afterwards
  // The same for many, in one call where the kernel has it (process_madvise on oneself, Linux 6.14). False:
  // not all of them.
  bool (*discardMany)(const Range* ranges, std::size_t count);
  // MADV_POPULATE_WRITE (Linux 5.14): as if every page were written to; without effect where there is none.
  void (*populate)(void* start, std::size_t bytes);
  // mincore(): the lowest bit of each page's byte says whether it is resident.
  bool (*residentPages)(void* start, std::size_t bytes, unsigned char* pages);
  void* (*mapMetadata)(std::size_t bytes);  // fresh zeroed pages, own mapping; null on failure
  bool (*adviseHuge)(void* start, std::size_t bytes, bool huge);  // MADV_HUGEPAGE / MADV_NOHUGEPAGE
  bool (*collapse)(void* start, std::size_t bytes);               // MADV_COLLAPSE (Linux 6.1)
  // MADV_COLD (Linux 5.4): least recently used from now on; of a part of a huge page, that it is split.
  bool (*cold)(void* start, std::size_t bytes);
  bool (*moveMapping)(void* from, void* to, std::size_t bytes);  // mremap(MAYMOVE|FIXED|DONTUNMAP)
  int (*openRead)(const char* path);                             // O_RDONLY|O_CLOEXEC; -1 on failure
  int (*createNew)(const char* path, std::uint32_t mode);        // O_CREAT|O_EXCL|O_WRONLY|O_CLOEXEC
  long (*read)(int fd, void* buffer, std::size_t bytes);         // restarts on EINTR
  long (*readAt)(int fd, void* buffer, std::size_t bytes, std::uint64_t offset);
  long (*write)(int fd, const void* buffer, std::size_t bytes);  // restarts on EINTR; may be short
  // What the calling thread opened with openRead() and the program has replaced since (os/opened.h) is
  // neither read nor closed: EBADF.
  bool (*close)(int fd);
  bool (*renameNoReplace)(const char* from, const char* to);  // false with EEXIST when `to` exists
  bool (*unlink)(const char* path);
  // For the control socket (os/sockets.h). From now on the calling thread's descriptors are its own, and none
  // is open (close_range, Linux 5.9): it sees none of the program's, and the program none of its.
  bool (*takeEmptyDescriptorTable)();
  int (*listenUnix)(const char* path, std::uint32_t mode);  // -1: EADDRINUSE, ...; not blocking, CLOEXEC
  int (*connectUnix)(const char* path);
  int (*acceptUnix)(int socket);
  // PAGEMAP_SCAN; number of regions written, negative: not available
  long (*pagemapScan)(int fd, void* scanArguments);
  std::uint64_t (*monotonicNanos)();
  std::uint64_t (*realtimeNanos)();
  void (*pause)(std::uint64_t nanos);  // sleeps that long, below a second; a signal ends it; errno is kept
};

const Calls& calls() noexcept;                   // the table in force
void replaceCalls(const Calls* table) noexcept;  // tests only; null: back to the kernel's

const Calls& kernel() noexcept;  // the kernel's own, for a fake to pass on to

Geometry geometry() noexcept;             // read once, then constant
std::size_t pageBytes() noexcept;         // geometry().pageBytes without opening a file
std::uint64_t threadId() noexcept;        // gettid, cached per thread
std::uint64_t threadCpuNanos() noexcept;  // processor time of the calling thread; 0: not known
// Page faults of the process, but for those of the calling thread; it only grows.
std::uint64_t faultsOfOthers() noexcept;
std::uint64_t processId() noexcept;  // getpid, never cached: a child of any kind of fork has its own
void forgetThreadId() noexcept;      // in a forked child: its only thread has a new one
std::size_t physicalMemoryBytes() noexcept;

// What a descriptor of the calling thread's table stands for.
struct FileSeen {
  bool known = false;
  bool isRegular = false;
  std::uint64_t device = 0, inode = 0;
};
FileSeen seeFile(int fd) noexcept;

}  // namespace heapprof::os
