// One request in ten fails, and the way out forgets its buffer: most objects of the stack die young.
// Expect: growing readRequest
#include <cstdlib>
#include <cstring>

#include "pace.h"

namespace {
[[gnu::noinline]] char* readRequest(int number) {
  char* buffer = static_cast<char*>(std::malloc(900));
  std::memset(buffer, number, 900);
  return buffer;
}

[[gnu::noinline]] void serve(int number) {
  char* request = readRequest(number);
  if (number % 10 == 3) return;
  std::free(request);
}

void step(int number) {
  for (int i = 0; i < 100; ++i) serve(number * 100 + i);
}
}  // namespace

int main() {
  return paced(step);
}
