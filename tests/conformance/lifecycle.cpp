// A plain program that allocates where it is hard: in early constructors, in thread-local destructors, in key
// destructors after those, in atexit handlers, in late static destructors; each frees what another of them
// allocated. Prints one line and ends with 0 when all contents were right. Any broken step ends with a line
// that names it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t kBytes = 777;
int steps = 0;

void* make(int mark) {
  void* p = std::malloc(kBytes);
  if (p == nullptr) std::abort();
  std::memset(p, mark, kBytes);
  return p;
}

void check(void* p, int mark, const char* step) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  for (std::size_t i = 0; i < kBytes; i++) {
    if (bytes[i] != static_cast<unsigned char>(mark)) {
      std::fprintf(stderr, "lifecycle: %s: byte %zu is %d, wanted %d\n", step, i, bytes[i], mark);
      _exit(1);
    }
  }
  std::free(p);
  steps++;
}

void* fromConstructor;
void* fromThread;
void* fromKey;
void* fromAtexit;

__attribute__((constructor(101))) void early() {
  fromConstructor = make(1);
}
__attribute__((destructor(101))) void late() {
  check(fromAtexit, 5, "destructor after atexit");
  check(make(6), 6, "allocation in the last destructor");
  if (steps != 6) {
    std::fprintf(stderr, "lifecycle: %d steps of 6 ran\n", steps);
    _exit(1);
  }
}

struct ThreadEnd {
  std::string text = std::string(5000, 'x');
  ~ThreadEnd() {
    check(fromConstructor, 1, "thread-local destructor frees what a constructor made");
    fromThread = make(2);
  }
};
thread_local ThreadEnd threadEnd;

// Key destructors run after thread-local ones, and again as long as they set their value anew.
pthread_key_t key;
void keyEnd(void* value) {
  const auto round = reinterpret_cast<std::intptr_t>(value);
  if (round == 1) {
    check(fromThread, 2, "key destructor frees what a thread-local destructor made");
    fromKey = make(3);
  }
  if (round < 3) pthread_setspecific(key, reinterpret_cast<void*>(round + 1));
  std::free(std::malloc(100));
}

struct StaticEnd {
  std::vector<std::unique_ptr<std::string>> strings;
  ~StaticEnd() { strings.clear(); }
} staticEnd;

}  // namespace

int main() {
  for (int i = 0; i < 1000; i++)
    staticEnd.strings.push_back(std::make_unique<std::string>(static_cast<std::size_t>(i), 'y'));
  if (pthread_key_create(&key, keyEnd) != 0) return 1;
  std::thread([] {
    pthread_setspecific(key, reinterpret_cast<void*>(std::intptr_t{1}));
    threadEnd.text += "z";
  }).join();
  check(fromKey, 3, "main frees what a key destructor made");
  std::atexit([] {
    check(make(4), 4, "allocation in an atexit handler");
    fromAtexit = make(5);
  });
  std::puts("lifecycle: 6 steps");
  return 0;
}
