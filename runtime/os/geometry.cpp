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
  // A forked child's only thread has a new id, so the process id of the reading is kept beside it; getpid is
  // a cheap system call, but the id is asked for on every sample.
  static thread_local constinit std::uint64_t cached = 0;
  static thread_local constinit int cachedForProcess = 0;
  const int process = getpid();
  if (cachedForProcess != process) {
    cached = static_cast<std::uint64_t>(syscall(SYS_gettid));
    cachedForProcess = process;
  }
  return cached;
}

std::size_t physicalMemoryBytes() noexcept {
  struct sysinfo information;
  if (sysinfo(&information) != 0) return 0;
  return static_cast<std::size_t>(information.totalram) * information.mem_unit;
}

}  // namespace heapprof::os
