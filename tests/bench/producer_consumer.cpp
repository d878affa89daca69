// Producer and consumer: pairs of threads; one allocates batches of 64-byte blocks, the other frees them.
// About 1 MiB is live, so peak RSS shows whether blocks freed elsewhere come back to their maker.
#include <atomic>
#include <pthread.h>
#include <sched.h>

#include "tests/bench/bench.h"

namespace {
constexpr std::size_t kBatch = 512;
constexpr std::size_t kRing = 16;
struct Pair {
  std::atomic<std::uint64_t> put{0}, taken{0};
  void* ring[kRing][kBatch];
  std::uint64_t batches = 0;
};

void* produce(void* context) {
  auto& pair = *static_cast<Pair*>(context);
  for (std::uint64_t n = 0; n < pair.batches; ++n) {
    while (n - pair.taken.load(std::memory_order_acquire) == kRing) sched_yield();
    for (void*& block : pair.ring[n % kRing]) {
      block = std::malloc(64);
      *static_cast<std::uint64_t*>(block) = n;
    }
    pair.put.store(n + 1, std::memory_order_release);
  }
  return nullptr;
}

void* consume(void* context) {
  auto& pair = *static_cast<Pair*>(context);
  for (std::uint64_t n = 0; n < pair.batches; ++n) {
    while (pair.put.load(std::memory_order_acquire) == n) sched_yield();
    for (void* block : pair.ring[n % kRing]) {
      if (*static_cast<std::uint64_t*>(block) != n) std::abort();
      std::free(block);
    }
    pair.taken.store(n + 1, std::memory_order_release);
  }
  return nullptr;
}
}  // namespace

int main(int argc, char** argv) {
  const long batches = bench::argument(argc, argv, 1, 60000);
  const long pairs = bench::argument(argc, argv, 2, 2);
  static Pair all[8];
  pthread_t threads[16];
  bench::Run run("producer_consumer");
  for (long i = 0; i < pairs; ++i) {
    all[i].batches = static_cast<std::uint64_t>(batches);
    pthread_create(&threads[2 * i], nullptr, produce, &all[i]);
    pthread_create(&threads[2 * i + 1], nullptr, consume, &all[i]);
  }
  for (long i = 0; i < 2 * pairs; ++i) pthread_join(threads[i], nullptr);
  run.report(2.0 * static_cast<double>(batches * pairs) * kBatch);
}
