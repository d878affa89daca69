// A server at rest: threads hold a heap of a given size, replace random blocks of it without an end and read
// others. Printed at a third, two thirds and the end of the time: what the kernel maps huge over what is
// live. After that a chain through all blocks in random order is followed: a miss of the TLB a step unless
// pages are huge.
//
//   steady [MiB] [threads] [seconds] [warm 0|1] [chase steps in millions]
//
// The books lie in mappings of their own. `warm`: a child first faults as much memory huge as the run will
// use, so that a virtual machine has it at hand (blocks freed to the host cost 4-5 ms to fault again).
#include <algorithm>
#include <atomic>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

namespace {

constexpr std::size_t kMostThreads = 64;
constexpr int kMarks = 3;

struct Slot {
  char* block;
  std::size_t size;
};

struct Worker {
  pthread_t thread;
  std::size_t index;
  Slot* slots;
  std::size_t count, capacity;
  std::atomic<std::uint64_t> operations;
  std::atomic<std::size_t> liveBytes;
  std::uint64_t seen;
};
Worker workers[kMostThreads];
std::size_t threads;
std::size_t shareBytes;
std::atomic<std::size_t> grown{0};
std::atomic<bool> stop{false};

// Nine in ten blocks up to 1 KiB, one in ten to 16 KiB, one in a hundred to 256 KiB.
std::size_t someSize(bench::Random& random) {
  const std::size_t kind = random.below(100);
  const std::size_t octave = kind < 90   ? std::size_t{16} << random.below(6)
                             : kind < 99 ? std::size_t{1024} << random.below(4)
                                         : std::size_t{16384} << random.below(4);
  return octave + random.below(octave);
}

void fill(Worker& worker, Slot& slot, bench::Random& random) {
  slot.size = someSize(random);
  slot.block = static_cast<char*>(std::malloc(slot.size));
  if (slot.block == nullptr) std::abort();
  std::memset(slot.block, 1, slot.size);
  worker.liveBytes.store(worker.liveBytes.load(std::memory_order_relaxed) + slot.size,
                         std::memory_order_relaxed);
}

void* serve(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  bench::Random random(worker.index + 31);
  while (worker.liveBytes.load(std::memory_order_relaxed) < shareBytes && worker.count < worker.capacity) {
    fill(worker, worker.slots[worker.count++], random);
  }
  grown.fetch_add(1);
  std::uint64_t sum = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    // The size stays what it is: what would grow it is not replaced.
    Slot& slot = worker.slots[random.below(worker.count)];
    if (slot.block != nullptr) {
      worker.liveBytes.store(worker.liveBytes.load(std::memory_order_relaxed) - slot.size,
                             std::memory_order_relaxed);
      std::free(slot.block);
      slot.block = nullptr;
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
  for (int mark = 1; mark <= kMarks; ++mark) {
    const double until = start + static_cast<double>(seconds * mark) / kMarks;
    std::uint64_t before = 0, after = 0;
    const double from = bench::now();
    for (std::size_t i = 0; i < threads; ++i) before += workers[i].operations.load();
    while (bench::now() < until) usleep(static_cast<useconds_t>((until - bench::now()) * 1e6 * 0.9) + 100);
    for (std::size_t i = 0; i < threads; ++i) after += workers[i].operations.load();
    const double took = bench::now() - from;
    const double live = liveMiB();
    const double huge = static_cast<double>(rollupKiB("AnonHugePages")) / 1024;
    std::printf(" at=%ld mops=%.4f live_mib=%.1f rss_mib=%.1f huge_mib=%.1f huge_live=%.3f",
                seconds * mark / kMarks, static_cast<double>(after - before) / took * 1e-6, live,
                static_cast<double>(rollupKiB("Rss")) / 1024, huge, huge / live);
    std::fflush(stdout);
  }
  stop = true;
  for (std::size_t i = 0; i < threads; ++i) pthread_join(workers[i].thread, nullptr);
  const double cpu = bench::cpu();
  const double chased = steps == 0 ? 0 : chase(steps);
  std::printf(" chase_ns=%.2f wall=%.4f cpu=%.2f peak_rss_kib=%ld\n",
              steps == 0 ? 0 : chased * 1e9 / static_cast<double>(steps), bench::now() - begun, cpu,
              bench::statusKiB("VmHWM"));
}
