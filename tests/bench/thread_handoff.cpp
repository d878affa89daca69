// Thread hand-off, a server's pattern: each thread replaces random blocks of its set many times, then hands
// the set to a fresh thread and ends.
#include <pthread.h>

#include "tests/bench/bench.h"

namespace {
constexpr std::size_t kBlocks = 5000;
struct Shift {
  void* blocks[kBlocks];
  long shiftsLeft;
  long steps;
  std::uint64_t seed;
};
Shift sets[4];
pthread_t lastThread[4];

void* work(void* context) {
  auto& shift = *static_cast<Shift*>(context);
  bench::Random random(shift.seed++);
  for (long i = 0; i < shift.steps; ++i) {
    void*& block = shift.blocks[random.below(kBlocks)];
    std::free(block);
    const std::size_t size = 10 + random.below(490);
    block = std::malloc(size);
    *static_cast<char*>(block) = 1;
  }
  return nullptr;
}

void* supervise(void* context) {
  auto& shift = *static_cast<Shift*>(context);
  while (shift.shiftsLeft-- > 0) {
    pthread_t thread;
    pthread_create(&thread, nullptr, work, context);
    pthread_join(thread, nullptr);
  }
  return nullptr;
}
}  // namespace

int main(int argc, char** argv) {
  const long shifts = bench::argument(argc, argv, 1, 1000);
  const long steps = bench::argument(argc, argv, 2, 50000);
  bench::Run run("thread_handoff");
  for (std::size_t i = 0; i < 2; ++i) {
    sets[i].shiftsLeft = shifts;
    sets[i].steps = steps;
    sets[i].seed = 100 * (i + 1);
    pthread_create(&lastThread[i], nullptr, supervise, &sets[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) pthread_join(lastThread[i], nullptr);
  run.report(4.0 * static_cast<double>(shifts * steps));
}
