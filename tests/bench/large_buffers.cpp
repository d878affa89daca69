// Large buffers: 5 to 25 MiB, 20 live, wholly written.
#include "tests/bench/bench.h"

int main(int argc, char** argv) {
  const long count = bench::argument(argc, argv, 1, 600);
  static char* live[20];
  bench::Random random(5);
  bench::Run run("large_buffers");
  for (long i = 0; i < count; ++i) {
    char*& slot = live[random.below(20)];
    std::free(slot);
    const std::size_t size = (std::size_t{5} << 20) + random.below(std::size_t{20} << 20);
    slot = static_cast<char*>(std::malloc(size));
    std::memset(slot, static_cast<int>(i), size);
  }
  run.report(2.0 * static_cast<double>(count));
}
