// The same with a period of nearly two phases: two dumps of three may lie on one slope.
// Expect: not growing collect
#include <string>
#include <vector>

#include "pace.h"

namespace {
auto& batch = *new std::vector<std::string>;

[[gnu::noinline]] void collect() {
  batch.emplace_back(900, 'b');
}

void step(int number) {
  for (int i = 0; i < 20; ++i) collect();
  if (number % 53 == 40) batch.clear();
}
}  // namespace

int main() {
  return paced(step);
}
