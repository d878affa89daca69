// A table of fixed size under random keys: fast at first, ever slower, then only replacements.
// Expect: not growing insert
#include <memory>
#include <random>
#include <vector>

#include "pace.h"

namespace {
struct Entry {
  char bytes[700];
};
auto& table = *new std::vector<std::unique_ptr<Entry>>(800);
std::minstd_rand random_;

[[gnu::noinline]] void insert(std::size_t slot) {
  table[slot] = std::make_unique<Entry>();
}

void step(int) {
  for (int i = 0; i < 50; ++i) insert(random_() % table.size());
}
}  // namespace

int main() {
  return paced(step);
}
