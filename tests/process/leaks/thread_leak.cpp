// A thread a step; each leaves its context behind.
// Expect: growing makeContext
#include <thread>
#include <vector>

#include "pace.h"

namespace {
struct Context {
  std::vector<char> scratch;
};

[[gnu::noinline]] Context* makeContext() {
  auto* made = new Context;
  made->scratch.resize(3000);
  return made;
}
thread_local Context* context = nullptr;

void step(int) {
  std::thread([] {
    context = makeContext();
    std::vector<char> work(20000, 'w');
    context->scratch[0] = work[work.size() - 1];
  }).join();
}
}  // namespace

int main() {
  return paced(step);
}
