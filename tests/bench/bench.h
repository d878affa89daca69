// What the workloads share: a seeded generator, a clock, and the one machine-readable line that each prints.
// Header-only, plain libc: a workload is an ordinary program that knows no allocator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace bench {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

// Pages of its own for a workload's books, so that they move no figure of the allocator.
template <typename T>
T* mapped(std::size_t count) {
  void* at = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) std::abort();
  return static_cast<T*>(at);
}

// A block that a workload holds, and as many bytes of it as it asked for; null: it holds none.
struct Slot {
  char* block;
  std::size_t size;

  // Every byte is written.
  void fill(std::size_t bytes) {
    size = bytes;
    block = static_cast<char*>(std::malloc(bytes));
    if (block == nullptr) std::abort();
    std::memset(block, 1, bytes);
  }
  void release() {
    std::free(block);
    block = nullptr;
  }
};

// 16 bytes to 32 KiB, every octave alike: most blocks are small, most bytes are in blocks above a page.
inline std::size_t mixedSize(Random& random) {
  const std::size_t octave = std::size_t{16} << random.below(11);
  return octave + random.below(octave);
}

inline double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

inline void sleepUntil(double when) {
  while (now() < when) usleep(static_cast<useconds_t>(std::max(0.0, when - now()) * 1e6) + 1);
}

inline double cpu() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A figure in KiB of a file of lines "Name: figure kB"; -1: not there.
inline long fileKiB(const char* path, const char* name) {
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return -1;
  char line[256];
  long value = -1;
  const std::size_t length = std::strlen(name);
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, length) == 0 && line[length] == ':')
      value = std::strtol(line + length + 1, nullptr, 10);
  }
  std::fclose(file);
  return value;
}
// "VmHWM", "VmRSS"; ru_maxrss of a child of a large parent lies.
inline long statusKiB(const char* name) {
  return fileKiB("/proc/self/status", name);
}

inline double rssMiB() {
  return static_cast<double>(statusKiB("VmRSS")) / 1024;
}
inline long faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Measures from construction to report().
class Run {
 public:
  explicit Run(const char* family) : family_(family), wall_(now()), cpu_(cpu()) {}
  void report(double operations) const {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    std::printf("family=%s operations=%.0f wall=%.4f cpu=%.4f peak_rss_kib=%ld rss_kib=%ld faults=%ld\n",
                family_, operations, now() - wall_, cpu() - cpu_, statusKiB("VmHWM"), statusKiB("VmRSS"),
                usage.ru_minflt);
  }

 private:
  const char* family_;
  double wall_;
  double cpu_;
};

inline long argument(int argc, char** argv, int index, long otherwise) {
  return argc > index ? std::strtol(argv[index], nullptr, 10) : otherwise;
}

}  // namespace bench
