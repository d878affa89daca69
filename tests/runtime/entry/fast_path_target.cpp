// What fast_path_instructions_test steps through: warm malloc(64) and free, in batches, called through
// pointers so that no compiler folds them away. Not a test by itself.
#include <cstdlib>
#include <unistd.h>

namespace {

void* (*volatile allocate)(std::size_t) = &std::malloc;
void (*volatile release)(void*) = &std::free;

constexpr int kBlocks = 200;

void batch() {
  void* blocks[kBlocks];
  for (void*& block : blocks) block = allocate(64);
  for (void* block : blocks) release(block);
}

}  // namespace

int main() {
  for (int i = 0; i < 50; ++i) batch();
  void* const addresses[] = {reinterpret_cast<void*>(allocate), reinterpret_cast<void*>(release)};
  if (write(3, addresses, sizeof addresses) != sizeof addresses) return 1;
  asm volatile("int3");
  for (int i = 0; i < 10; ++i) batch();
  asm volatile("int3");
  return 0;
}
