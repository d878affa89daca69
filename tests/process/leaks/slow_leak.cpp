// Much traffic that is freed at once, and two kilobytes a step that one forgotten list keeps.
// Expect: growing keepTrace
// Expect: not growing handle
#include <list>
#include <memory>
#include <vector>

#include "pace.h"

namespace {
struct Trace {
  char text[504];
};
auto& traces = *new std::list<std::unique_ptr<Trace>>;

[[gnu::noinline]] void keepTrace() {
  traces.push_back(std::make_unique<Trace>());
}
[[gnu::noinline]] std::size_t handle(std::size_t size) {
  std::vector<char> body(size, 'b');
  return body.size();
}

void step(int number) {
  for (std::size_t i = 0; i < 200; ++i) handle(100 + i * 10 + static_cast<std::size_t>(number));
  for (int i = 0; i < 4; ++i) keepTrace();
}
}  // namespace

int main() {
  return paced(step);
}
