// The smallest program: what an allocator costs before it is asked for anything much.
#include "tests/bench/bench.h"

int main() {
  bench::Run run("smallest");
  void* blocks[100];
  for (void*& block : blocks) block = std::malloc(100);
  for (void* block : blocks) std::free(block);
  run.report(200);
}
