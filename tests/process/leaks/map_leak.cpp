// A map by request id from which nothing is erased: nodes leak, and so do the buckets, by doubling.
// Expect: growing remember
#include <string>
#include <unordered_map>

#include "pace.h"

namespace {
auto& seen = *new std::unordered_map<long, std::string>;
long next = 0;

[[gnu::noinline]] void remember(long id) {
  seen[id] = std::string(200, 'r');
}

void step(int) {
  for (int i = 0; i < 40; ++i) remember(next++);
}
}  // namespace

int main() {
  return paced(step);
}
