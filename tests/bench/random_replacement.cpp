// Random replacement: 262,144 slots, each step frees one and fills it anew; sizes 1 to 1024, mostly small;
// each block is touched at both ends.
#include "tests/bench/bench.h"

int main(int argc, char** argv) {
  const long steps = bench::argument(argc, argv, 1, 20000000);
  constexpr std::size_t kSlots = 262144;
  static char* slots[kSlots];
  bench::Random random(1);
  bench::Run run("random_replacement");
  for (long step = 0; step < steps; ++step) {
    const std::uint64_t bits = random.next();
    char*& slot = slots[bits % kSlots];
    std::free(slot);
    const std::size_t size = 1 + ((bits >> 20) & (((bits >> 40) & 7) == 0 ? 1023 : 127));
    slot = static_cast<char*>(std::malloc(size));
    slot[0] = static_cast<char>(step);
    slot[size - 1] = static_cast<char>(step);
  }
  run.report(2.0 * static_cast<double>(steps));
}
