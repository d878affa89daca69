// Bursts of random size that last some steps each.
// Expect: not growing burst
#include <memory>
#include <random>
#include <vector>

#include "pace.h"

namespace {
struct Block {
  char bytes[1000];
};
auto& held = *new std::vector<std::vector<std::unique_ptr<Block>>>(8);
std::minstd_rand random_;

[[gnu::noinline]] std::vector<std::unique_ptr<Block>> burst(std::size_t count) {
  std::vector<std::unique_ptr<Block>> blocks(count);
  for (std::unique_ptr<Block>& block : blocks) block = std::make_unique<Block>();
  return blocks;
}

void step(int number) {
  held[static_cast<std::size_t>(number) % held.size()] = burst(random_() % 200);
}
}  // namespace

int main() {
  return paced(step);
}
