// A cache that is full after a phase and a half, then replaces its oldest entries.
// Expect: not growing fill
#include <deque>
#include <memory>

#include "pace.h"

namespace {
struct Entry {
  char bytes[1000];
};
auto& cache = *new std::deque<std::unique_ptr<Entry>>;

[[gnu::noinline]] void fill() {
  cache.push_back(std::make_unique<Entry>());
}

void step(int) {
  for (int i = 0; i < 40; ++i) fill();
  while (cache.size() > 1800) cache.pop_front();
}
}  // namespace

int main() {
  return paced(step);
}
