// A cache by user without any eviction: it takes in all 2,000 users within the first two phases and then has
// them. Expect: levelled off load
#include <map>
#include <string>

#include "pace.h"

namespace {
auto& users = *new std::map<int, std::string>;

[[gnu::noinline]] void load(int user) {
  users[user] = std::string(800, 'u');
}

void step(int number) {
  for (int i = 0; i < 40; ++i) {
    const int user = (number * 40 + i) % 2000;
    if (users.find(user) == users.end()) load(user);
  }
}
}  // namespace

int main() {
  return paced(step);
}
