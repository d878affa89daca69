// What sampled_instructions_test steps through: malloc and free of one block at a time of argv[1] bytes,
// below a few frames. Not a test by itself.
#include <cstdlib>
#include <unistd.h>

namespace {

void* (*volatile allocate)(std::size_t) = &std::malloc;
void (*volatile release)(void*) = &std::free;

// Each call is from the same place at the same depth, so that all stacks are one.
[[gnu::noinline]] void pairs(std::size_t bytes, int count) {
  for (int i = 0; i < count; ++i) {
    void* const block = allocate(bytes);
    release(block);
  }
}

template <int kDepth>
[[gnu::noinline]] void below(std::size_t bytes, int count) {
  if constexpr (kDepth == 0) {
    pairs(bytes, count);
  } else {
    below<kDepth - 1>(bytes, count);
  }
  asm volatile("");  // no tail call
}

void run(std::size_t bytes, int count) {
  void (*volatile step)(std::size_t, int) = &below<5>;
  step(bytes, count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto bytes = static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10));
  void* const addresses[] = {reinterpret_cast<void*>(allocate), reinterpret_cast<void*>(release)};
  if (write(3, addresses, sizeof addresses) != sizeof addresses) return 1;
  for (int round = 0;; ++round) {
    if (round == 1) asm volatile("int3");
    run(bytes, 40);
    if (round == 1) asm volatile("int3");
  }
}
