// Tables that are read at start and kept; afterwards only work that comes and goes.
// Expect: one-off readTables
// Expect: not growing work
#include <map>
#include <string>
#include <vector>

#include "pace.h"

namespace {
auto& tables = *new std::map<int, std::string>;

[[gnu::noinline]] void readTables() {
  for (int i = 0; i < 1000; ++i) tables[i] = std::string(1000, 't');
}
[[gnu::noinline]] std::size_t work(std::size_t size) {
  return std::vector<char>(size).size();
}

void step(int number) {
  if (number == 0) readTables();
  for (std::size_t i = 0; i < 100; ++i) work(500 + i);
}
}  // namespace

int main() {
  return paced(step);
}
