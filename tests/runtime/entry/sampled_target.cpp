// What sampled_instructions_test steps through: malloc and free of one block at a time of argv[1] bytes,
// below a few frames. Stepping is a thousand times slower than running, which what tells the time by the
// processor's counter notices: so it runs as it would between any two blocks. Not a test by itself.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

namespace {

void* (*volatile allocate)(std::size_t) = &std::malloc;
void (*volatile release)(void*) = &std::free;

enum class Stepped { kNeither, kMalloc, kFree };

// Each call is from the same place at the same depth, so that all stacks are one.
[[gnu::noinline]] void pair(std::size_t bytes, Stepped stepped) {
  if (stepped == Stepped::kMalloc) asm volatile("int3");
  void* const block = allocate(bytes);
  if (stepped != Stepped::kNeither) asm volatile("int3");
  release(block);
  if (stepped == Stepped::kFree) asm volatile("int3");
}

template <int kDepth>
[[gnu::noinline]] void below(std::size_t bytes, Stepped stepped) {
  if constexpr (kDepth == 0) {
    pair(bytes, stepped);
  } else {
    below<kDepth - 1>(bytes, stepped);
  }
  asm volatile("");  // no tail call
}

void run(std::size_t bytes, Stepped stepped) {
  void (*volatile step)(std::size_t, Stepped) = &below<5>;
  step(bytes, stepped);
}

constexpr std::uint64_t kPause = 5'000'000;

std::uint64_t nanos() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto bytes = static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10));
  void* const addresses[] = {reinterpret_cast<void*>(allocate), reinterpret_cast<void*>(release)};
  if (write(3, addresses, sizeof addresses) != sizeof addresses) return 1;
  for (Stepped next = Stepped::kMalloc;;
       next = next == Stepped::kMalloc ? Stepped::kFree : Stepped::kMalloc) {
    const std::uint64_t start = nanos();
    bool enough = false;
    while (!enough) {
      enough = nanos() - start >= kPause;
      run(bytes, enough ? next : Stepped::kNeither);
    }
  }
}
