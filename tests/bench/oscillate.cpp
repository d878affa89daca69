// A load that comes and goes: N threads follow a target that swings between all and a small part of the heap,
// so many times; then the load stops for good, and two periods later RSS is read.
//
//   oscillate [MiB] [threads] [period ms] [cycles] [left at the bottom %] [wave 0|1] [cycles not counted]
//
// Wave 0 is square: up for half a period, down for the other. Wave 1 is a cosine in 16 steps. What is freed
// is chosen at random, so slabs thin out as well as go. Printed is what was faulted in the cycles that count;
// an allocator that gives everything back at once faults the whole swing each time.
#include <cmath>
#include <pthread.h>
#include <semaphore.h>

#include "tests/bench/bench.h"

namespace {

using bench::Slot;

constexpr std::size_t kMostThreads = 64;
constexpr int kSteps = 16;

struct Plan {
  std::size_t bytes, threads;
  double period;
  long cycles;
  double bottom;
  bool cosine;
  long notCounted;
};
Plan plan;

struct Worker {
  pthread_t thread;
  sem_t go, done;
  std::size_t target;  // bytes; all ones: end
  Slot* slots;
  std::size_t count, next, liveBytes;
  bench::Random random{0};
};
Worker workers[kMostThreads];
constexpr std::size_t kEnd = ~std::size_t{0};

void follow(Worker& worker) {
  while (worker.liveBytes < worker.target) {
    Slot& slot = worker.slots[worker.next];
    worker.next = (worker.next + 1) % worker.count;
    if (slot.block != nullptr) continue;
    slot.fill(bench::mixedSize(worker.random));
    worker.liveBytes += slot.size;
  }
  const std::size_t most = worker.target + worker.target / 64 + 65536;
  while (worker.liveBytes > most) {
    Slot& slot = worker.slots[worker.random.below(worker.count)];
    if (slot.block == nullptr) continue;
    slot.release();
    worker.liveBytes -= slot.size;
  }
}

void* live(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  for (;;) {
    while (sem_wait(&worker.go) != 0) {
    }
    if (worker.target == kEnd) return nullptr;
    follow(worker);
    sem_post(&worker.done);
  }
}

void everybody(double share) {
  for (std::size_t i = 0; i < plan.threads; ++i) {
    const auto bytes = static_cast<double>(plan.bytes / plan.threads);
    workers[i].target = share < 0 ? kEnd : static_cast<std::size_t>(share * bytes);
    sem_post(&workers[i].go);
  }
  for (std::size_t i = 0; i < plan.threads; ++i) {
    if (share < 0) {
      pthread_join(workers[i].thread, nullptr);
      continue;
    }
    while (sem_wait(&workers[i].done) != 0) {
    }
  }
}

double shareAt(int step) {
  if (!plan.cosine) return step < kSteps / 2 ? 1 : plan.bottom;
  const double phase = 2 * 3.14159265358979 * (step + 1) / kSteps;
  return plan.bottom + (1 - plan.bottom) * (1 - std::cos(phase)) / 2;
}

void prepare() {
  for (std::size_t i = 0; i < plan.threads; ++i) {
    Worker& worker = workers[i];
    // A block has 4.2 KiB on average; a quarter of the slots stays empty.
    worker.count = plan.bytes / plan.threads / 3200;
    worker.slots = bench::mapped<Slot>(worker.count);
    std::memset(worker.slots, 0, worker.count * sizeof(Slot));
    worker.random = bench::Random(i + 17);
    sem_init(&worker.go, 0, 0);
    sem_init(&worker.done, 0, 0);
    pthread_create(&worker.thread, nullptr, live, &worker);
  }
}

}  // namespace

int main(int argc, char** argv) {
  plan.bytes = static_cast<std::size_t>(bench::argument(argc, argv, 1, 256)) << 20;
  plan.threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 2, 2)));
  plan.period = static_cast<double>(bench::argument(argc, argv, 3, 2000)) / 1000;
  plan.cycles = bench::argument(argc, argv, 4, 20);
  plan.bottom = static_cast<double>(bench::argument(argc, argv, 5, 10)) / 100;
  plan.cosine = bench::argument(argc, argv, 6, 0) != 0;
  plan.notCounted = bench::argument(argc, argv, 7, 3);
  prepare();
  const double baseline = bench::rssMiB();
  const double start = bench::now();
  double cpuBefore = bench::cpu();
  long faultsBefore = bench::faults();
  double most = 0, sumAtBottom = 0;
  for (long cycle = 0; cycle < plan.cycles; ++cycle) {
    if (cycle == plan.notCounted) {
      faultsBefore = bench::faults();
      cpuBefore = bench::cpu();
    }
    double least = 1e9;
    for (int step = 0; step < kSteps; ++step) {
      everybody(shareAt(step));
      bench::sleepUntil(start + plan.period * (static_cast<double>(cycle) + (step + 1) / double{kSteps}));
      least = std::min(least, bench::rssMiB());
      most = std::max(most, bench::rssMiB());
    }
    if (cycle >= plan.notCounted) sumAtBottom += least;
  }
  const long counted = std::max(1L, plan.cycles - plan.notCounted);
  const auto faulted = static_cast<double>(bench::faults() - faultsBefore);
  const double cpu = bench::cpu() - cpuBefore;
  everybody(plan.bottom);
  const double stopped = bench::now();
  bench::sleepUntil(stopped + 2 * plan.period);
  const double after = bench::rssMiB();
  everybody(-1);
  std::printf(
      "family=oscillate period=%.3f cycles=%ld faulted_mib=%.1f a_cycle_mib=%.1f top_mib=%.1f "
      "bottom_mib=%.1f baseline_mib=%.1f stopped_mib=%.1f cpu=%.4f wall=%.4f peak_rss_kib=%ld\n",
      plan.period, counted, faulted * 4096 / 1048576, faulted * 4096 / 1048576 / static_cast<double>(counted),
      most, sumAtBottom / static_cast<double>(counted), baseline, after, cpu, bench::now() - start,
      bench::statusKiB("VmHWM"));
}
