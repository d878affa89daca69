// Fixed-size churn: blocks of 16 bytes, 25 to 1600 live at a time, freed half in order and half in reverse.
#include <initializer_list>

#include "tests/bench/bench.h"

int main(int argc, char** argv) {
  const long rounds = bench::argument(argc, argv, 1, 90000);
  static void* blocks[1600];
  bench::Run run("fixed_size");
  double operations = 0;
  for (const int live : {25, 100, 400, 1600}) {
    for (long round = 0; round < rounds * 400 / live; ++round) {
      for (int i = 0; i < live; ++i) blocks[i] = std::malloc(16);
      for (int i = 0; i < live / 2; ++i) std::free(blocks[i]);
      for (int i = live - 1; i >= live / 2; --i) std::free(blocks[i]);
      operations += 2.0 * live;
    }
  }
  run.report(operations);
}
