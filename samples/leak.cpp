// A leak: every request remembers its session, and nothing forgets one.
//
// Expected finding: `heapprof diff` of the two dumps names rememberSession as what grew, by about 24 MiB; the
// cache, which is larger in the first dump, did not grow and is not named. Run: heapprof run --sample 64k --
// ./leak       (a dump half-way, one at the end)
#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dump_here.h"

namespace {

struct Session {
  int user;
  std::vector<char> history;
};

// Never destroyed: the dump at exit comes after static destructors.
auto& sessions = *new std::unordered_map<int, std::unique_ptr<Session>>;
auto& cache = *new std::vector<std::string>;

[[gnu::noinline]] void rememberSession(int id) {
  auto session = std::make_unique<Session>();
  session->user = id;
  session->history.assign(2000, 'h');
  sessions.emplace(id, std::move(session));
}

[[gnu::noinline]] void fillCache() {
  for (int i = 0; i < 1000; ++i) cache.emplace_back(8000, 'c');
}

// Everything here is freed at the end of the request.
[[gnu::noinline]] std::size_t answer(int id) {
  const std::string body(500 + static_cast<std::size_t>(id) % 700, 'x');
  return body.size() + cache[static_cast<std::size_t>(id) % cache.size()].size();
}

void serve(int from, int to) {
  std::size_t bytes = 0;
  for (int id = from; id < to; ++id) {
    rememberSession(id);
    bytes += answer(id);
  }
  std::printf("served %d requests, %zu bytes\n", to - from, bytes);
}

}  // namespace

int main() {
  fillCache();
  serve(0, 1000);
  dumpHere();
  serve(1000, 13000);
  return 0;
}
