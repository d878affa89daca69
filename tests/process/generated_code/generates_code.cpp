// A just-in-time compiler in small: writes a function that allocates into fresh memory, calls it, and, when
// asked to, says so in /tmp/perf-PID.map as perf wants it. Usage: generates_code DUMP [named]; prints its
// pid.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "heapprof/heapprof.h"

#pragma weak heapprof_dump

namespace {

using Allocate = void* (*)(std::size_t);

// push rbp; mov rbp, rsp; mov rax, malloc; call rax; pop rbp; ret
constexpr unsigned char kCode[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0,    0,    0,
                                   0,    0,    0,    0,    0,    0xff, 0xd0, 0x5d, 0xc3};
constexpr std::size_t kTargetAt = 6;
constexpr std::size_t kPageBytes = 4096;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  std::memcpy(page, kCode, sizeof kCode);
  const Allocate target = &std::malloc;
  std::memcpy(static_cast<unsigned char*>(page) + kTargetAt, &target, sizeof target);
  if (mprotect(page, kPageBytes, PROT_READ | PROT_EXEC) != 0) return 1;
  if (argc > 2) {
    const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
    std::FILE* map = std::fopen(path.c_str(), "w");
    if (map == nullptr) return 1;
    std::fprintf(map, "%" PRIxPTR " %zx js:*fillCache app.js:12\n", reinterpret_cast<std::uintptr_t>(page),
                 sizeof kCode);
    std::fclose(map);
  }
  Allocate generated = nullptr;
  std::memcpy(&generated, &page, sizeof page);
  static void* kept[1000];
  for (void*& one : kept) one = generated(10000);
  std::printf("%d\n", static_cast<int>(getpid()));
  return heapprof_dump != nullptr && heapprof_dump(argv[1]) == 0 ? 0 : 1;
}
