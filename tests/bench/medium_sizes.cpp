// 4 to 64 KiB: random replacement in 2,000 slots, every page of a block touched.
#include "tests/bench/bench.h"

int main(int argc, char** argv) {
  const long steps = bench::argument(argc, argv, 1, 5000000);
  constexpr std::size_t kSlots = 2000;
  static char* slots[kSlots];
  bench::Random random(3);
  bench::Run run("medium_sizes");
  for (long step = 0; step < steps; ++step) {
    char*& slot = slots[random.below(kSlots)];
    std::free(slot);
    const std::size_t size = 4096 + random.below(61440);
    slot = static_cast<char*>(std::malloc(size));
    for (std::size_t at = 0; at < size; at += 4096) slot[at] = static_cast<char>(step);
  }
  run.report(2.0 * static_cast<double>(steps));
}
