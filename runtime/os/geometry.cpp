// What is asked of the machine once: page sizes, memory, thread ids. Reads /proc and /sys with plain system
// calls, because stdio allocates.
#include <atomic>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "runtime/os/os.h"

namespace heapprof::os {
namespace {

constexpr char kPmdSizeFile[] = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";

// 0 until read. Several threads may read at the same time: they store the same value.
constinit std::atomic<std::size_t> knownPageBytes{0};
constinit std::atomic<std::size_t> knownHugePageBytes{0};
constinit std::atomic<bool> hugePageRead{false};

constinit thread_local std::uint64_t knownThreadId = 0;

std::size_t readNumber(const char* path) noexcept {
  const int fd = calls().openRead(path);
  if (fd < 0) return 0;
  char text[32];
  const long length = calls().read(fd, text, sizeof text);
  calls().close(fd);
  std::size_t value = 0;
  for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) {
    value = value * 10 + static_cast<std::size_t>(text[i] - '0');
  }
  return value;
}

}  // namespace

std::size_t pageBytes() noexcept {
  std::size_t bytes = knownPageBytes.load(std::memory_order_relaxed);
  if (bytes == 0) {
    bytes = getauxval(AT_PAGESZ);
    if (bytes == 0) bytes = 4096;
    knownPageBytes.store(bytes, std::memory_order_relaxed);
  }
  return bytes;
}

Geometry geometry() noexcept {
  if (!hugePageRead.load(std::memory_order_acquire)) {  // pairs with the store below
    knownHugePageBytes.store(readNumber(kPmdSizeFile), std::memory_order_relaxed);
    hugePageRead.store(true, std::memory_order_release);
  }
  return {pageBytes(), knownHugePageBytes.load(std::memory_order_relaxed)};
}

std::uint64_t threadId() noexcept {
  if (knownThreadId == 0) knownThreadId = static_cast<std::uint64_t>(syscall(SYS_gettid));
  return knownThreadId;
}

// By the one entry that all other calls of ours use: libc's own lies in 64 KiB of its code that many programs
// map for nothing else.
std::uint64_t processId() noexcept {
  return static_cast<std::uint64_t>(syscall(SYS_getpid));
}

void forgetThreadId() noexcept {
  knownThreadId = 0;
}

std::size_t physicalMemoryBytes() noexcept {
  struct sysinfo information;
  if (syscall(SYS_sysinfo, &information) != 0) return 0;
  return static_cast<std::size_t>(information.totalram) * information.mem_unit;
}

}  // namespace heapprof::os
