// Fragmentation: a cache is emptied, but every sixteenth entry stays, one in each page: the pages cannot go
// back.
//
// Expected finding: `heapprof summary` ranks free room inside slabs first, over 80 MiB, though the program
// holds only 6 MiB; `heapprof frag` names keepEntry first, whose survivors pin the slabs, and says what would
// come back without them: what `./fragmentation all-go` does not hold, where they go as well. Run: heapprof
// run
// --sample 64k -- ./fragmentation; heapprof frag heapprof.fragmentation.*.pb.gz
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace {

struct Entry {
  char bytes[256];
};

constexpr std::size_t kEntries = 400000;  // 98 MiB
constexpr std::size_t kKept = 16;         // of 16 neighbours one stays

// Never destroyed: the dump at exit comes after static destructors.
auto& cache = *new std::vector<std::unique_ptr<Entry>>;

[[gnu::noinline]] void keepEntry(std::size_t number) {
  cache.push_back(std::make_unique<Entry>());
  cache.back()->bytes[0] = static_cast<char>(number);
}

[[gnu::noinline]] void evict(bool allGo) {
  for (std::size_t i = 0; i < cache.size(); ++i) {
    if (allGo || i % kKept != 0) cache[i].reset();
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bool allGo = count > 1 && std::strcmp(arguments[1], "all-go") == 0;
  cache.reserve(kEntries);
  for (std::size_t i = 0; i < kEntries; ++i) keepEntry(i);
  evict(allGo);
  std::printf("%zu of %zu entries stay\n", allGo ? 0 : kEntries / kKept, kEntries);
  return 0;
}
