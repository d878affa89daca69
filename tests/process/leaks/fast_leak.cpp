// Every request remembers its session, and nothing forgets one.
// Expect: growing rememberSession
// Expect: not growing answer
#include <memory>
#include <string>
#include <vector>

#include "pace.h"

namespace {
auto& sessions = *new std::vector<std::unique_ptr<std::string>>;

[[gnu::noinline]] void rememberSession() {
  sessions.push_back(std::make_unique<std::string>(1000, 's'));
}
[[gnu::noinline]] std::size_t answer(int number) {
  return std::string(2000 + static_cast<std::size_t>(number), 'a').size();
}

void step(int number) {
  for (int i = 0; i < 20; ++i) {
    rememberSession();
    answer(i + number);
  }
}
}  // namespace

int main() {
  return paced(step);
}
