// A picture is loaded every few steps, and none is let go: few objects, each with pages of its own.
// Expect: growing loadPicture
#include <cstring>
#include <vector>

#include "pace.h"

namespace {
auto& pictures = *new std::vector<char*>;

[[gnu::noinline]] void loadPicture(int number) {
  constexpr std::size_t kBytes = 400 * 1024;
  pictures.push_back(new char[kBytes]);
  std::memset(pictures.back(), number, kBytes);
}

void step(int number) {
  if (number % 3 == 0) loadPicture(number);
}
}  // namespace

int main() {
  return paced(step);
}
