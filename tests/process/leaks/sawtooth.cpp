// A log that is collected and written out every 37 steps, out of step with the dumps.
// Expect: not growing collect
#include <string>
#include <vector>

#include "pace.h"

namespace {
auto& lines = *new std::vector<std::string>;

[[gnu::noinline]] void collect() {
  lines.emplace_back(600, 'l');
}

void step(int number) {
  for (int i = 0; i < 30; ++i) collect();
  if (number % 37 == 36) lines.clear();
}
}  // namespace

int main() {
  return paced(step);
}
