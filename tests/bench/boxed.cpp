// Threads that keep a stated amount live while the sizes they ask for move: what a service in a small cgroup
// does.
//
//   boxed [threads] [live MiB] [seconds] [moving]      (32 128 10 1)
//
// The time has four parts, each with sizes of its own (32 bytes to 1 KiB, to 8 KiB, to 64 KiB, all of them);
// in each, random blocks are replaced without an end, so that what the part before left is free in pieces.
// Live bytes, as asked for, never exceed the figure. Every block is written throughout. With one thread it is
// the main one. Ends with 3 where malloc gave nothing. With `moving` 0 the sizes are all of them throughout.
#include <algorithm>
#include <pthread.h>

#include "tests/bench/bench.h"

namespace {

constexpr std::size_t kMostThreads = 256;
constexpr std::size_t kSmallest = 32;
struct Octaves {
  std::size_t first, count;  // above kSmallest
};
constexpr Octaves kParts[] = {{0, 5}, {3, 5}, {6, 5}, {0, 11}};

using bench::Slot;

struct Worker {
  pthread_t thread;
  std::size_t index;
  std::size_t operations;
};
Worker workers[kMostThreads];
std::size_t shareBytes;
double start, seconds;
bool moving;

void* serve(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  bench::Random random(worker.index + 11);
  auto* slots = bench::mapped<Slot>(shareBytes / kSmallest);
  std::size_t count = 0, live = 0;
  for (double at = 0; at < seconds; at = bench::now() - start) {
    const Octaves& part = kParts[moving ? static_cast<std::size_t>(at / seconds * 4) : 3];
    for (int i = 0; i < 64; ++i, ++worker.operations) {
      const std::size_t octave = kSmallest << (part.first + random.below(part.count));
      const std::size_t size = octave + random.below(octave);
      while (count != 0 && live + size > shareBytes) {
        Slot& victim = slots[random.below(count)];
        live -= victim.size;
        std::free(victim.block);
        victim = slots[--count];
      }
      if (live + size > shareBytes) continue;
      Slot& slot = slots[count++];
      slot = {static_cast<char*>(std::malloc(size)), size};
      if (slot.block == nullptr) std::exit(3);
      std::memset(slot.block, 1, size);
      live += size;
    }
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const auto threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 1, 32)));
  shareBytes = (static_cast<std::size_t>(bench::argument(argc, argv, 2, 128)) << 20) / threads;
  seconds = static_cast<double>(bench::argument(argc, argv, 3, 10));
  moving = bench::argument(argc, argv, 4, 1) != 0;
  start = bench::now();
  for (std::size_t i = 0; i < threads; ++i) workers[i].index = i;
  for (std::size_t i = 1; i < threads; ++i) pthread_create(&workers[i].thread, nullptr, serve, &workers[i]);
  serve(&workers[0]);
  // Threads of nobody's making that are there now: the allocator's.
  std::size_t operations = workers[0].operations;
  for (std::size_t i = 1; i < threads; ++i) {
    pthread_join(workers[i].thread, nullptr);
    operations += workers[i].operations;
  }
  std::printf("family=boxed operations=%.0f threads=%ld rss_kib=%ld peak_rss_kib=%ld\n",
              static_cast<double>(operations), bench::statusKiB("Threads"), bench::statusKiB("VmRSS"),
              bench::statusKiB("VmHWM"));
}
