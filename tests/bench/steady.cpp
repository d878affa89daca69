// A server at rest: threads hold a heap of a given size, replace random blocks of it without an end and read
// others. At a third, two thirds and the end of the time (the figures end in 1, 2 and 3) they pause, and for
// each live byte the kernel is asked whether its page is mapped huge (PAGEMAP_SCAN, Linux 6.7; -1 without
// it): `on_huge` is the share. `huge_mib` is what is mapped huge at all. After that a chain through all
// blocks in random order is followed: a miss of the TLB a step unless pages are huge.
//
//   steady [MiB] [threads] [seconds] [warm 0|1] [chase steps in millions]
//
// The books lie in mappings of their own. `warm`: a child first faults as much memory huge as the run will
// use, so that a virtual machine has it at hand (blocks freed to the host cost 4-5 ms to fault again).
#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/bench/bench.h"

namespace {

using bench::Slot;

constexpr std::size_t kMostThreads = 64;
constexpr int kMarks = 3;
constexpr std::uint64_t kPage = 4096;

struct Worker {
  pthread_t thread;
  std::size_t index;
  Slot* slots;
  std::size_t count, capacity;
  std::atomic<std::uint64_t> operations;
  std::atomic<std::size_t> liveBytes;
};
Worker workers[kMostThreads];
std::size_t threads;
std::size_t shareBytes;
std::atomic<std::size_t> grown{0};
enum class Mode { kServe, kPause, kStop };
std::atomic<Mode> mode{Mode::kServe};
std::atomic<std::size_t> paused{0};

// Nine in ten blocks up to 1 KiB, one in ten to 16 KiB, one in a hundred to 256 KiB.
std::size_t someSize(bench::Random& random) {
  const std::size_t kind = random.below(100);
  const std::size_t octave = kind < 90   ? std::size_t{16} << random.below(6)
                             : kind < 99 ? std::size_t{1024} << random.below(4)
                                         : std::size_t{16384} << random.below(4);
  return octave + random.below(octave);
}

void fill(Worker& worker, Slot& slot, bench::Random& random) {
  slot.fill(someSize(random));
  worker.liveBytes.store(worker.liveBytes.load(std::memory_order_relaxed) + slot.size,
                         std::memory_order_relaxed);
}

void waitUntilResumed() {
  paused.fetch_add(1);  // release: main reads the slots once it sees everybody here
  while (mode.load() == Mode::kPause) usleep(200);
  paused.fetch_sub(1);
}

void* serve(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  bench::Random random(worker.index + 31);
  while (worker.liveBytes.load(std::memory_order_relaxed) < shareBytes && worker.count < worker.capacity) {
    fill(worker, worker.slots[worker.count++], random);
  }
  grown.fetch_add(1);
  std::uint64_t sum = 0;
  for (;;) {
    const Mode now = mode.load(std::memory_order_relaxed);
    if (now == Mode::kStop) break;
    if (now == Mode::kPause) {
      waitUntilResumed();
      continue;
    }
    // The size stays what it is: what would grow it is not replaced.
    Slot& slot = worker.slots[random.below(worker.count)];
    if (slot.block != nullptr) {
      worker.liveBytes.store(worker.liveBytes.load(std::memory_order_relaxed) - slot.size,
                             std::memory_order_relaxed);
      slot.release();
    }
    if (worker.liveBytes.load(std::memory_order_relaxed) < shareBytes) fill(worker, slot, random);
    for (int i = 0; i < 4; ++i) {
      const Slot& other = worker.slots[random.below(worker.count)];
      if (other.block != nullptr) sum += static_cast<unsigned char>(other.block[other.size / 2]);
    }
    worker.operations.store(worker.operations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  return reinterpret_cast<void*>(sum);
}

long rollupKiB(const char* name) {
  return bench::fileKiB("/proc/self/smaps_rollup", name);
}

// The kernel's struct pm_scan_arg and its words, which older headers lack.
struct Scan {
  std::uint64_t size, flags, start, end, walkEnd, regions, regionCount, maxPages;
  std::uint64_t categoriesInverted, categories, anyOf, returned;
};
static_assert(sizeof(Scan) == 96);
constexpr unsigned long kPagemapScan = 0xc0606610;
constexpr std::uint64_t kPageIsHuge = 1 << 6;
struct Region {
  std::uint64_t start, end, categories;
};

// What is mapped huge from here to there, in order; negative: the kernel does not tell.
long hugeRegions(std::uint64_t start, std::uint64_t end, Region* regions, std::size_t capacity) {
  const int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  Scan scan{};
  scan.size = sizeof scan;
  scan.start = start / kPage * kPage;
  scan.end = (end + kPage - 1) / kPage * kPage;
  scan.categories = scan.returned = kPageIsHuge;
  std::size_t count = 0;
  long found = 0;
  do {
    scan.regions = reinterpret_cast<std::uintptr_t>(regions + count);
    scan.regionCount = capacity - count;
    found = ioctl(file, kPagemapScan, &scan);
    scan.start = scan.walkEnd;
    if (found > 0) count += static_cast<std::size_t>(found);
  } while (found >= 0 && scan.walkEnd < scan.end && count < capacity);
  close(file);
  return found < 0 || count == capacity ? -1 : static_cast<long>(count);
}

template <typename Act>
void forEachLive(Act act) {
  for (std::size_t i = 0; i < threads; ++i) {
    for (std::size_t k = 0; k < workers[i].count; ++k) {
      const Slot& slot = workers[i].slots[k];
      if (slot.block == nullptr) continue;
      const std::uint64_t start = reinterpret_cast<std::uintptr_t>(slot.block);
      act(start, start + slot.size);
    }
  }
}

// The share of live bytes whose pages are mapped huge; nobody may be serving. -1: unknown.
double shareOnHuge() {
  std::uint64_t lowest = ~std::uint64_t{0}, highest = 0, all = 0, huge = 0;
  forEachLive([&](std::uint64_t start, std::uint64_t end) {
    lowest = std::min(lowest, start);
    highest = std::max(highest, end);
    all += end - start;
  });
  constexpr std::size_t kCapacity = std::size_t{1} << 20;
  auto* regions = bench::mapped<Region>(kCapacity);
  const long count = hugeRegions(lowest, highest, regions, kCapacity);
  const Region* last = regions + std::max(0L, count);
  forEachLive([&](std::uint64_t start, std::uint64_t end) {
    const auto ends = [](std::uint64_t address, const Region& region) { return address < region.end; };
    for (const Region* at = std::upper_bound<const Region*>(regions, last, start, ends);
         at < last && at->start < end; ++at)
      huge += std::min(end, at->end) - std::max(start, at->start);
  });
  munmap(regions, kCapacity * sizeof(Region));
  return count < 0 ? -1 : static_cast<double>(huge) / static_cast<double>(all);
}

double liveMiB() {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < threads; ++i) bytes += workers[i].liveBytes.load();
  return static_cast<double>(bytes) / 1048576;
}

void warmUp(std::size_t bytes) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    char* all = bench::mapped<char>(bytes);
    madvise(all, bytes, MADV_HUGEPAGE);
    for (std::size_t at = 0; at < bytes; at += 4096) all[at] = 1;
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
}

// Seconds for so many steps through all blocks, in random order.
double chase(std::size_t steps) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < threads; ++i) count += workers[i].count;
  char** all = bench::mapped<char*>(count);
  std::size_t used = 0;
  for (std::size_t i = 0; i < threads; ++i) {
    for (std::size_t k = 0; k < workers[i].count; ++k) {
      if (workers[i].slots[k].block != nullptr) all[used++] = workers[i].slots[k].block;
    }
  }
  bench::Random random(5);
  for (std::size_t i = used; i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
  for (std::size_t i = 0; i < used; ++i) std::memcpy(all[i], &all[(i + 1) % used], sizeof(char*));
  const double start = bench::now();
  char* at = all[0];
  for (std::size_t i = 0; i < steps; ++i) std::memcpy(&at, at, sizeof(char*));
  const double seconds = bench::now() - start;
  if (at == nullptr) std::abort();
  munmap(all, count * sizeof(char*));
  return seconds;
}

std::uint64_t operationsOfAll() {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < threads; ++i) sum += workers[i].operations.load();
  return sum;
}

void printMark(int mark) {
  const double rss = static_cast<double>(rollupKiB("Rss")) / 1024;
  const double huge = static_cast<double>(rollupKiB("AnonHugePages")) / 1024;
  mode = Mode::kPause;
  while (paused.load() < threads) usleep(200);
  std::printf(" live%d_mib=%.1f rss%d_mib=%.1f huge%d_mib=%.1f on_huge%d=%.4f", mark, liveMiB(), mark, rss,
              mark, huge, mark, shareOnHuge());
  std::fflush(stdout);
  mode = Mode::kServe;
  while (paused.load() != 0) usleep(200);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t bytes = static_cast<std::size_t>(bench::argument(argc, argv, 1, 2048)) << 20;
  threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 2, 2)));
  const long seconds = bench::argument(argc, argv, 3, 30);
  const bool warm = bench::argument(argc, argv, 4, 1) != 0;
  const auto steps = static_cast<std::size_t>(bench::argument(argc, argv, 5, 20)) * 1000000;
  shareBytes = bytes / threads;
  if (warm) warmUp(bytes + bytes / 4);
  const double begun = bench::now();
  for (std::size_t i = 0; i < threads; ++i) {
    workers[i].index = i;
    workers[i].capacity = shareBytes / 256 + 16;
    workers[i].slots = bench::mapped<Slot>(workers[i].capacity);
    pthread_create(&workers[i].thread, nullptr, serve, &workers[i]);
  }
  while (grown.load() < threads) usleep(1000);
  const double start = bench::now();
  std::printf("family=steady grow=%.3f", start - begun);
  std::uint64_t operations = 0;
  double served = 0, servedCpu = 0;
  for (int mark = 1; mark <= kMarks; ++mark) {
    const double from = bench::now(), cpuBefore = bench::cpu();
    const std::uint64_t before = operationsOfAll();
    bench::sleepUntil(std::max(from, start + static_cast<double>(seconds * mark) / kMarks));
    operations += operationsOfAll() - before;
    served += bench::now() - from;
    servedCpu += bench::cpu() - cpuBefore;
    printMark(mark);
  }
  mode = Mode::kStop;
  for (std::size_t i = 0; i < threads; ++i) pthread_join(workers[i].thread, nullptr);
  const double cpu = bench::cpu();
  const double chased = steps == 0 ? 0 : chase(steps);
  std::printf(" mops=%.4f cpu_us=%.4f chase_ns=%.2f wall=%.4f cpu=%.2f peak_rss_kib=%ld\n",
              static_cast<double>(operations) / served * 1e-6,
              servedCpu * 1e6 / static_cast<double>(operations),
              steps == 0 ? 0 : chased * 1e9 / static_cast<double>(steps), bench::now() - begun, cpu,
              bench::statusKiB("VmHWM"));
}
