// A queue of constant depth: each message lives 20 steps and goes.
// Expect: comes and goes makeMessage
#include <deque>
#include <memory>

#include "pace.h"

namespace {
struct Message {
  char bytes[500];
};
auto& queue = *new std::deque<std::unique_ptr<Message>>;

[[gnu::noinline]] void makeMessage() {
  queue.push_back(std::make_unique<Message>());
}

void step(int) {
  for (int i = 0; i < 30; ++i) makeMessage();
  while (queue.size() > 600) queue.pop_front();
}
}  // namespace

int main() {
  return paced(step);
}
