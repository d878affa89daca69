// A load that falls: N threads grow a mixed heap, a share of it survives (at random, or clustered), the
// program idles, then grows again. Beside RSS stands the floor that 4 KiB pages allow: what was resident
// before, plus every page that holds a live byte.
//
//   phase [MiB] [threads] [survivors %] [clustered 0|1] [threads live on 0|1] [child 0|1] [idle s] [purge
//   0|1] [rest before the fall, s]
//
// The slots live in mappings of their own, so that the program's books move no figure. The cheapest way to
// fault what was given back is measured by touching as much of a fresh mapping, a byte a page, on as many
// threads.
#include <algorithm>
#include <atomic>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/bench/bench.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostThreads = 256;

struct Plan {
  std::size_t bytes;
  std::size_t threads;
  std::size_t survivorsPercent;
  bool clustered, liveOn, child;
  long idleSeconds;
  bool purge;
  long restSeconds;
};
Plan plan;

struct Slot {
  char* block;
  std::uint32_t size;
};

enum class Step { kGrow, kFall, kGrowAgain, kTouch, kEnd };

struct Worker {
  pthread_t thread;
  sem_t go, done;
  Step step;
  std::size_t index;
  std::uint64_t seed;
  Slot* slots;
  std::size_t count, capacity;
  char* fresh;  // for kTouch
  std::size_t freshBytes;
};
Worker workers[kMostThreads];

// 16 bytes to 32 KiB, every octave alike: most blocks are small, most bytes are in blocks above a page.
std::size_t mixedSize(bench::Random& random) {
  const std::size_t octave = std::size_t{16} << random.below(11);
  return octave + random.below(octave);
}

void fill(Slot& slot, bench::Random& random) {
  slot.size = static_cast<std::uint32_t>(mixedSize(random));
  slot.block = static_cast<char*>(std::malloc(slot.size));
  if (slot.block == nullptr) std::abort();
  std::memset(slot.block, 1, slot.size);
}

void grow(Worker& worker) {
  bench::Random random(worker.seed);
  const std::size_t share = plan.bytes / plan.threads;
  for (std::size_t bytes = 0; bytes < share && worker.count < worker.capacity; ++worker.count) {
    fill(worker.slots[worker.count], random);
    bytes += worker.slots[worker.count].size;
  }
}

// Random: each block lives on its own. Clustered: the first so many per cent of every thousand allocated in a
// row.
bool survives(bench::Random& random, std::size_t index) {
  if (plan.clustered) return index % 1000 < plan.survivorsPercent * 10;
  return random.below(100) < plan.survivorsPercent;
}

void fall(Worker& worker) {
  bench::Random random(worker.seed + 1000);
  for (std::size_t i = 0; i < worker.count; ++i) {
    if (survives(random, i)) continue;
    std::free(worker.slots[i].block);
    worker.slots[i].block = nullptr;
  }
}

void growAgain(Worker& worker) {
  bench::Random random(worker.seed + 2000);
  for (std::size_t i = 0; i < worker.count; ++i) {
    if (worker.slots[i].block == nullptr) fill(worker.slots[i], random);
  }
}

void perform(Worker& worker) {
  switch (worker.step) {
    case Step::kGrow:
      return grow(worker);
    case Step::kFall:
      return fall(worker);
    case Step::kGrowAgain:
      return growAgain(worker);
    case Step::kTouch:
      for (std::size_t at = 0; at < worker.freshBytes; at += kPage) worker.fresh[at] = 1;
      return;
    case Step::kEnd:
      return;
  }
}

void* live(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  for (bool more = true; more;) {
    while (sem_wait(&worker.go) != 0) {
    }
    more = plan.liveOn && worker.step != Step::kEnd;
    perform(worker);
    sem_post(&worker.done);  // from here on `step` may be the next one
  }
  return nullptr;
}

void everybody(Step step) {
  for (std::size_t i = 0; i < plan.threads; ++i) {
    workers[i].step = step;
    if (!plan.liveOn && step != Step::kEnd) pthread_create(&workers[i].thread, nullptr, live, &workers[i]);
    if (plan.liveOn || step != Step::kEnd) sem_post(&workers[i].go);
  }
  for (std::size_t i = 0; i < plan.threads; ++i) {
    if (plan.liveOn || step != Step::kEnd) {
      while (sem_wait(&workers[i].done) != 0) {
      }
    }
    if (plan.liveOn == (step == Step::kEnd)) pthread_join(workers[i].thread, nullptr);
  }
}

struct Floor {
  std::size_t liveBytes, pages;
};
Floor floorOfPages() {
  std::size_t touched = 0, bytes = 0;
  for (std::size_t t = 0; t < plan.threads; ++t) {
    for (std::size_t i = 0; i < workers[t].count; ++i) {
      const Slot& slot = workers[t].slots[i];
      if (slot.block != nullptr) touched += slot.size / kPage + 2;
    }
  }
  auto* pages = bench::mapped<std::uintptr_t>(touched);
  std::size_t count = 0;
  for (std::size_t t = 0; t < plan.threads; ++t) {
    for (std::size_t i = 0; i < workers[t].count; ++i) {
      const Slot& slot = workers[t].slots[i];
      if (slot.block == nullptr) continue;
      bytes += slot.size;
      const auto start = reinterpret_cast<std::uintptr_t>(slot.block);
      for (std::uintptr_t page = start / kPage; page <= (start + slot.size - 1) / kPage; ++page)
        pages[count++] = page;
    }
  }
  std::sort(pages, pages + count);
  const auto distinct = static_cast<std::size_t>(std::unique(pages, pages + count) - pages);
  munmap(pages, touched * sizeof(std::uintptr_t));
  return {bytes, distinct};
}

double hugeMiB() {
  return static_cast<double>(bench::fileKiB("/proc/self/smaps_rollup", "AnonHugePages")) / 1024;
}
double rssMiB() {
  return static_cast<double>(bench::statusKiB("VmRSS")) / 1024;
}
long faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// The parent's pages stay shared with it until somebody writes.
pid_t startChild() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}

void prepare() {
  const std::size_t capacity = plan.bytes / plan.threads / 2048;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    Worker& worker = workers[i];
    worker.index = i;
    worker.seed = 17 + i;
    worker.capacity = capacity;
    worker.slots = bench::mapped<Slot>(capacity);
    std::memset(worker.slots, 0, capacity * sizeof(Slot));
    sem_init(&worker.go, 0, 0);
    sem_init(&worker.done, 0, 0);
    if (plan.liveOn) pthread_create(&worker.thread, nullptr, live, &worker);
  }
}

// Seconds to touch so many fresh pages on all threads.
double cheapestFaults(double mebibytes) {
  const std::size_t each = static_cast<std::size_t>(mebibytes * 1048576) / plan.threads / kPage * kPage;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    workers[i].freshBytes = each;
    workers[i].fresh = each == 0 ? nullptr : bench::mapped<char>(each);
  }
  const double start = bench::now();
  everybody(Step::kTouch);
  const double seconds = bench::now() - start;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    if (each != 0) munmap(workers[i].fresh, each);
  }
  return seconds;
}

void sleepUntil(double when) {
  while (bench::now() < when) usleep(static_cast<useconds_t>(std::max(0.0, when - bench::now()) * 1e6) + 1);
}

}  // namespace

int main(int argc, char** argv) {
  plan.bytes = static_cast<std::size_t>(bench::argument(argc, argv, 1, 512)) << 20;
  plan.threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 2, 2)));
  plan.survivorsPercent = static_cast<std::size_t>(bench::argument(argc, argv, 3, 10));
  plan.clustered = bench::argument(argc, argv, 4, 0) != 0;
  plan.liveOn = bench::argument(argc, argv, 5, 1) != 0;
  plan.child = bench::argument(argc, argv, 6, 0) != 0;
  plan.idleSeconds = bench::argument(argc, argv, 7, 5);
  plan.purge = bench::argument(argc, argv, 8, 0) != 0;
  plan.restSeconds = bench::argument(argc, argv, 9, 0);
  prepare();
  const double baseline = rssMiB();
  const double start = bench::now();
  everybody(Step::kGrow);
  const double grown = bench::now() - start;
  sleepUntil(bench::now() + static_cast<double>(plan.restSeconds));
  const double full = rssMiB();
  const double hugeFull = hugeMiB();
  const pid_t child = plan.child ? startChild() : 0;
  everybody(Step::kFall);
  if (plan.purge) malloc_trim(0);
  const double fallen = bench::now();
  const double cpuFallen = bench::cpu();
  const double atOnce = rssMiB();
  sleepUntil(fallen + 1);
  const double afterOne = rssMiB();
  const double idleCpu = bench::cpu() - cpuFallen;
  // The floor takes time and memory of its own, so it is computed between the readings.
  const Floor floor = floorOfPages();
  sleepUntil(fallen + static_cast<double>(plan.idleSeconds));
  const double afterAll = rssMiB();
  const double hugeAfterAll = hugeMiB();
  // The workers' slots and what else the program touched since are in both figures.
  double slots = 0;
  for (std::size_t i = 0; i < plan.threads; ++i)
    slots += static_cast<double>(workers[i].count * sizeof(Slot)) / 1048576;
  const double pages = static_cast<double>(floor.pages * kPage) / 1048576;
  const double best = baseline + pages;
  const double warm = cheapestFaults(std::max(0.0, full - afterAll));
  const long before = faults();
  const double again = bench::now();
  everybody(Step::kGrowAgain);
  const double regrown = bench::now() - again;
  const long regrowFaults = faults() - before;
  everybody(Step::kEnd);
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  std::printf(
      "family=phase live_mib=%.1f slots_mib=%.1f baseline_mib=%.1f floor_mib=%.1f grow=%.3f full_mib=%.1f "
      "fallen_mib=%.1f rss1_mib=%.1f rss5_mib=%.1f rss1_floor=%.3f rss5_floor=%.3f idle_cpu=%.4f "
      "regrow=%.4f regrow_faults=%ld cheapest=%.4f huge_full_mib=%.1f huge5_mib=%.1f wall=%.4f "
      "peak_rss_kib=%ld\n",
      static_cast<double>(floor.liveBytes) / 1048576, slots, baseline, best, grown, full, atOnce, afterOne,
      afterAll, afterOne / best, afterAll / best, idleCpu, regrown, regrowFaults, warm, hugeFull,
      hugeAfterAll, regrown, bench::statusKiB("VmHWM"));
}
