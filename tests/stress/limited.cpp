// A plain program under a small RLIMIT_AS, set before the allocator starts (it runs itself again): takes
// memory until null, which must come with errno ENOMEM and not before half of the limit was handed out; then
// frees, and takes again. The host's own mmap must still find room at the start. Usage: stress_limited [limit
// in MiB]... Prints one line per limit.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/stress/shadow.h"

using heapprof::stress::Block;

namespace {

[[noreturn]] void fail(const char* what, std::size_t limit) {
  std::fprintf(stderr, "stress_limited: %s (limit %zu MiB, errno %d)\n", what, limit >> 20, errno);
  _exit(1);
}

// Room for the blocks is taken before memory runs short.
struct Taker {
  std::vector<Block> blocks;
  std::size_t bytes = 0;
  bool one(std::size_t n, std::size_t limit) {
    if (blocks.size() == blocks.capacity()) return false;
    errno = 0;
    Block block;
    block.start = static_cast<unsigned char*>(std::malloc(n));
    if (block.start == nullptr) {
      if (errno != ENOMEM) fail("null, but errno is not ENOMEM", limit);
      return false;
    }
    block.bytes = n;
    heapprof::stress::fill(block);
    blocks.push_back(block);
    bytes += n;
    return true;
  }
  void freeAll(std::size_t limit) {
    for (const Block& block : blocks) {
      if (!heapprof::stress::intact(block)) fail("contents changed", limit);
      std::free(block.start);
    }
    blocks.clear();
    bytes = 0;
  }
};

int runUnder(std::size_t limit) {
  void* mine = mmap(nullptr, limit / 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mine == MAP_FAILED)
    fail("the host's own mmap of a quarter of the limit failed: too much was reserved", limit);
  munmap(mine, limit / 4);
  Taker taker;
  taker.blocks.reserve(limit / 1000 < 400000 ? limit / 1000 : 400000);
  std::size_t most[3] = {};
  constexpr std::size_t kSizes[] = {1000, 60000, 3000000};
  for (int round = 0; round < 3; round++) {
    while (taker.bytes < limit && taker.one(kSizes[round], limit)) {
    }
    most[round] = taker.bytes;
    // Half; a third for the largest blocks under the smallest limits: a further region is an eighth of the
    // limit there, the earlier rounds have filled the address space with such, and each holds two blocks of
    // 3 MB. Larger ones would stand in the host's own mmap's way.
    const bool large = kSizes[round] > (std::size_t{2} << 20);
    const std::size_t share = large && limit < (std::size_t{64} << 20) ? limit / 3 : limit / 2;
    const std::size_t wanted =
        taker.blocks.size() == taker.blocks.capacity() ? kSizes[round] * taker.blocks.size() : share;
    if (taker.bytes < wanted) {
      std::fprintf(stderr, "stress_limited: only %zu of %zu MiB were handed out in blocks of %zu\n",
                   taker.bytes >> 20, limit >> 20, kSizes[round]);
      return 1;
    }
    // After a failure small requests may still succeed or fail, but never harm; then everything comes back.
    for (std::size_t n : {1u, 100u, 5000u, 70000u}) taker.one(n, limit);
    taker.freeAll(limit);
  }
  std::printf(
      "limited: RLIMIT_AS %zu MiB: handed out %zu MiB in 1 kB, %zu in 60 kB, %zu in 3 MB blocks before "
      "ENOMEM\n",
      limit >> 20, most[0] >> 20, most[1] >> 20, most[2] >> 20);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--under") == 0)
    return runUnder(std::strtoull(argv[2], nullptr, 10) << 20);
  int failures = 0;
  for (const char* mebibytes : {"48", "100", "300", "1000", "5000"}) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      const rlim_t limit = std::strtoull(mebibytes, nullptr, 10) << 20;
      const rlimit value{limit, limit};
      if (setrlimit(RLIMIT_AS, &value) != 0) fail("setrlimit", limit);
      execl("/proc/self/exe", argv[0], "--under", mebibytes, static_cast<char*>(nullptr));
      fail("exec", limit);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) {
      std::fprintf(stderr, "stress_limited: %s MiB: status %#x\n", mebibytes, static_cast<unsigned>(status));
      failures++;
    }
  }
  return failures == 0 ? 0 : 1;
}
