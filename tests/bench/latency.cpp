// Each malloc and each free of a server-like mix, timed one by one while the heap rises, rests, falls and
// rests again, so that purging and the forming of huge pages happen meanwhile.
//
//   latency [threads] [seconds] [MiB] [period ms]      (2 10 256 4000)
//
// Sizes are log-uniform from 16 bytes to 64 KiB; a block in eight is handed to another thread, which frees
// it. Each fresh block is written throughout (`fill`, timed apart: that is where pages that were given back
// are faulted again). A period: full for half of it, a tenth of that live for the other half; slots are
// replaced meanwhile at random. Figures are nanoseconds and include two readings of the counter, clock_ns;
// nothing is subtracted.
#include "tests/bench/latency.h"

#include <atomic>
#include <pthread.h>

namespace {

constexpr std::size_t kMostThreads = 64;
constexpr std::size_t kMeanBytes = 8190;  // of log-uniform sizes from 16 to 65536
constexpr std::size_t kHandedOver = 4096;

using bench::Slot;

struct Worker {
  pthread_t thread;
  std::size_t index;
  Slot* slots;
  bench::Histogram *mallocs, *frees, *fills;
};
Worker workers[kMostThreads];
std::atomic<char*>* handedOver;
std::size_t slotsEach;
double start, seconds, period;

std::size_t someSize(bench::Random& random) {
  const std::size_t octave = std::size_t{16} << random.below(12);
  return octave + random.below(octave);
}

void timedFree(Worker& worker, void* block) {
  const std::uint64_t before = bench::ticks();
  std::free(block);
  worker.frees->add(bench::ticks() - before);
}

void timedFill(Worker& worker, Slot& slot, bench::Random& random) {
  slot.size = someSize(random);
  const std::uint64_t before = bench::ticks();
  slot.block = static_cast<char*>(std::malloc(slot.size));
  const std::uint64_t between = bench::ticks();
  if (slot.block == nullptr) std::abort();
  std::memset(slot.block, 1, slot.size);
  const std::uint64_t after = bench::ticks();
  worker.mallocs->add(between - before);
  worker.fills->add(after - between);
}

// The block goes to whoever comes by this place next; what was left there is freed here.
void handOver(Worker& worker, Slot& slot, bench::Random& random) {
  auto& place = handedOver[random.below(kHandedOver)];
  char* const other = place.exchange(slot.block, std::memory_order_acq_rel);  // pairs with itself
  slot.block = nullptr;
  if (other != nullptr) timedFree(worker, other);
}

void* serve(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  bench::Random random(worker.index + 77);
  for (double at = 0; at < seconds; at = bench::now() - start) {
    const double phase = at / period - static_cast<double>(static_cast<long>(at / period));
    const std::size_t emptyOfTen = phase < 0.5 ? 0 : 9;
    for (int i = 0; i < 256; ++i) {
      const std::size_t index = random.below(slotsEach);
      Slot& slot = worker.slots[index];
      if (slot.block != nullptr) {
        if (random.below(8) == 0) {
          handOver(worker, slot, random);
        } else {
          timedFree(worker, slot.block);
          slot.block = nullptr;
        }
      }
      // Which slots stay empty in the low half is fixed, so every visit there leads towards that level.
      if (index % 10 >= emptyOfTen) timedFill(worker, slot, random);
    }
  }
  return nullptr;
}

std::uint64_t clockCost() {
  std::uint64_t smallest = ~std::uint64_t{0};
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t before = bench::ticks();
    smallest = std::min(smallest, bench::ticks() - before);
  }
  return smallest;
}

}  // namespace

int main(int argc, char** argv) {
  const auto threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 1, 2)));
  seconds = static_cast<double>(bench::argument(argc, argv, 2, 10));
  const auto bytes = static_cast<std::size_t>(bench::argument(argc, argv, 3, 256)) << 20;
  period = static_cast<double>(bench::argument(argc, argv, 4, 4000)) * 1e-3;
  slotsEach = bytes / threads / kMeanBytes;
  handedOver = bench::mapped<std::atomic<char*>>(kHandedOver);
  const bench::TickLength tickLength;
  const std::uint64_t clock = clockCost();
  const double cpu = bench::cpu();
  start = bench::now();
  for (std::size_t i = 0; i < threads; ++i) {
    workers[i].index = i;
    workers[i].slots = bench::mapped<Slot>(slotsEach);
    workers[i].mallocs = bench::mapped<bench::Histogram>(1);
    workers[i].frees = bench::mapped<bench::Histogram>(1);
    workers[i].fills = bench::mapped<bench::Histogram>(1);
    pthread_create(&workers[i].thread, nullptr, serve, &workers[i]);
  }
  for (std::size_t i = 0; i < threads; ++i) pthread_join(workers[i].thread, nullptr);
  for (std::size_t i = 1; i < threads; ++i) {
    workers[0].mallocs->merge(*workers[i].mallocs);
    workers[0].frees->merge(*workers[i].frees);
    workers[0].fills->merge(*workers[i].fills);
  }
  const double tick = tickLength.nanoseconds();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("family=latency clock_ns=%.1f", static_cast<double>(clock) * tick);
  workers[0].mallocs->print("malloc", tick);
  workers[0].frees->print("free", tick);
  workers[0].fills->print("fill", tick);
  std::printf(" cpu=%.2f peak_rss_kib=%ld rss_kib=%ld faults=%ld preempted=%ld\n", bench::cpu() - cpu,
              bench::statusKiB("VmHWM"), bench::statusKiB("VmRSS"), usage.ru_minflt, usage.ru_nivcsw);
}
