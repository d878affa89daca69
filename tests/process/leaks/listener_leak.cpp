// Connections close and free what they had, but the listener that each registered stays.
// Expect: growing addListener
// Expect: comes and goes openConnection
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "pace.h"

namespace {
struct Connection {
  char buffers[4000];
};
auto& open = *new std::deque<std::unique_ptr<Connection>>;
auto& listeners = *new std::vector<std::unique_ptr<std::function<void()>>>;

[[gnu::noinline]] void openConnection() {
  open.push_back(std::make_unique<Connection>());
}
[[gnu::noinline]] void addListener(int number) {
  struct State {
    char name[496];
    int number;
  } state{};
  state.number = number;
  listeners.push_back(std::make_unique<std::function<void()>>([state] { static_cast<void>(state.number); }));
}

void step(int number) {
  for (int i = 0; i < 10; ++i) {
    openConnection();
    addListener(number);
    if (open.size() > 25) open.pop_front();
  }
}
}  // namespace

int main() {
  return paced(step);
}
