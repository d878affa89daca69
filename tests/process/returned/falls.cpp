// A load that falls: two threads fill a heap, rest, free all but a tenth at random, and rest again. Before
// and after, a dump is taken, and what the kernel says of the process (RSS) and of its cgroup (the charge) is
// printed.
//
//   falls MIB SECONDS_AT_THE_TOP BLOCKS(mixed|large) ASK(0|1: heapprof_purge) FOLDER [FILE_WITH_THE_CHARGE]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <heapprof/heapprof.h>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

// From the library that is preloaded.
#pragma weak heapprof_dump
#pragma weak heapprof_purge

namespace {

constexpr int kThreads = 2;
constexpr unsigned kRestSeconds = 4;

// Exact: VmRSS may lag behind by what each processor has counted.
long rssBytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  std::string word;
  long kilobytes = -1;
  while (rollup >> word) {
    if (word == "Rss:") rollup >> kilobytes;
  }
  return kilobytes * 1024;
}

long chargedBytes(const char* file) {
  long bytes = -1;
  if (file != nullptr) std::ifstream(file) >> bytes;
  return bytes;
}

struct Load {
  std::vector<char*> blocks;
  std::mt19937_64 random;

  void fill(std::size_t bytes, bool large) {
    for (std::size_t sum = 0; sum < bytes;) {
      const std::size_t octave = large ? std::size_t{1} << 20 : std::size_t{16} << random() % 11;
      const std::size_t size = octave + random() % octave;
      auto* block = static_cast<char*>(std::malloc(size));
      if (block == nullptr) std::abort();
      std::memset(block, 1, size);
      blocks.push_back(block);
      sum += size;
    }
  }
  void thinOut() {
    for (char*& block : blocks) {
      if (random() % 10 == 0) continue;
      std::free(block);
      block = nullptr;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const std::size_t bytes = std::strtoul(argv[1], nullptr, 10) << 20;
  const bool large = std::strcmp(argv[3], "large") == 0;
  const char* charge = argc > 6 ? argv[6] : nullptr;
  const std::string folder = argv[5];
  Load loads[kThreads];
  const auto everybody = [&](auto step) {
    std::vector<std::thread> threads;
    for (Load& load : loads) threads.emplace_back([&] { step(load); });
    for (std::thread& thread : threads) thread.join();
  };
  for (int i = 0; i < kThreads; ++i) {
    loads[i].random.seed(static_cast<unsigned>(i) + 1);
    loads[i].blocks.reserve(bytes / 1024);
  }
  everybody([&](Load& load) { load.fill(bytes / kThreads, large); });
  sleep(static_cast<unsigned>(std::atoi(argv[2])));
  if (heapprof_dump((folder + "/before.pb.gz").c_str()) != 0) return 3;
  const long rssBefore = rssBytes(), chargeBefore = chargedBytes(charge);
  everybody([](Load& load) { load.thinOut(); });
  if (argv[4][0] == '1') heapprof_purge(nullptr);
  sleep(kRestSeconds);
  const long rssAfter = rssBytes(), chargeAfter = chargedBytes(charge);
  if (heapprof_dump((folder + "/after.pb.gz").c_str()) != 0) return 3;
  std::printf("%ld %ld %ld %ld\n", rssBefore, chargeBefore, rssAfter, chargeAfter);
}
