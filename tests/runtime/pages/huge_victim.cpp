// Programs whose huge pages a test wants to see, by the kernel's word. Each exits with 0 when it saw what it
// should.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/runtime/victim_tools.h"

namespace {

using heapprof::tests::figureOf;
using heapprof::tests::filterCalls;
using heapprof::tests::rssKiB;
using heapprof::tests::within;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kBlock = 1000;
constexpr std::size_t kBlocks = 48 * kMiB / kBlock;
constexpr int kCollapse = 25;
char* blocks[kBlocks];

long hugeMiB() {
  return figureOf("/proc/self/smaps_rollup", "AnonHugePages") / 1024;
}
long rssMiB() {
  return rssKiB() / 1024;
}

void grow() {
  for (char*& block : blocks) {
    block = static_cast<char*>(std::malloc(kBlock));
    std::memset(block, 1, kBlock);
  }
}
bool isUnharmed(std::size_t every) {
  for (std::size_t i = 0; i < kBlocks; i += every) {
    for (std::size_t at = 0; at < kBlock; ++at) {
      if (blocks[i][at] != 1) return false;
    }
  }
  return true;
}
void keepEvery(std::size_t every) {
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (i % every != 0) std::free(blocks[i]);
  }
}

// What this process alone is charged for, where it was put into a cgroup of its own.
const char* chargeFile = nullptr;
long chargedMiB() {
  if (chargeFile == nullptr) return 0;
  static char text[64];
  const int fd = open(chargeFile, O_RDONLY);
  const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  close(fd);
  text[size > 0 ? size : 0] = '\0';
  return size > 0 ? std::atol(text) >> 20 : 1 << 20;
}

// Huge within seconds; then nearly everything goes, and with it the huge pages, the memory and the charge for
// it.
int dense() {
  grow();
  if (!within(20, [] { return hugeMiB() >= 44; })) return 1;
  if (rssMiB() > 60) return 2;
  if (!isUnharmed(1)) return 3;
  keepEvery(100);
  if (!within(10, [] { return hugeMiB() == 0 && rssMiB() < 16; })) return 4;
  if (!within(3, [] { return chargedMiB() < 20; })) return 6;
  return isUnharmed(100) ? 0 : 5;
}

// One block in a hundred stays: about every second 64 KiB, and one page in 25.
int fallen() {
  grow();
  if (rssMiB() > 60) return 1;
  keepEvery(100);
  if (!within(10, [] { return rssMiB() < 16; })) return 2;
  if (!within(3, [] { return chargedMiB() < 20; })) return 3;
  return isUnharmed(100) ? 0 : 4;
}

int never() {
  grow();
  usleep(3500000);
  if (hugeMiB() != 0) return 1;
  keepEvery(100);
  return within(10, [] { return rssMiB() < 16; }) && isUnharmed(100) ? 0 : 2;
}

// What was never dense never takes more than it needs: one page in eight of a long span.
int sparse() {
  auto* span = static_cast<char*>(std::malloc(64 * kMiB));
  for (std::size_t at = 0; at < 64 * kMiB; at += 8 * 4096) span[at] = 1;
  std::free(std::malloc(100));
  usleep(3000000);
  return hugeMiB() <= 2 && rssMiB() <= 20 ? 0 : 1;
}

// Prints what 6 MiB of blocks take.
int small() {
  for (std::size_t i = 0; i < 6 * kMiB / kBlock; ++i) {
    blocks[i] = static_cast<char*>(std::malloc(kBlock));
    std::memset(blocks[i], 1, kBlock);
  }
  usleep(100000);
  std::printf("%ld\n", rssKiB());
  return 0;
}

int disabled() {
  if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) return 9;
  return never();
}

// limit=32m: what may be had, and that it may be had again.
int limited() {
  for (int round = 0; round < 3; ++round) {
    std::size_t count = 0;
    errno = 0;
    while (count < kBlocks && (blocks[count] = static_cast<char*>(std::malloc(kBlock))) != nullptr) {
      std::memset(blocks[count++], 1, kBlock);
    }
    if (count == kBlocks || errno != ENOMEM) return 1;
    if (count * kBlock > 32 * kMiB || count * kBlock < 28 * kMiB) return 2;
    if (rssMiB() > 40) return 3;
    if (std::malloc(8 * kMiB) != nullptr) return 4;
    for (std::size_t i = 0; i < count; ++i) std::free(blocks[i]);
  }
  return 0;
}

// With purge=60: what falls comes back within seconds only where something presses.
int pressed() {
  grow();
  keepEvery(100);
  return within(6, [] { return rssMiB() < 16; }) ? 0 : 1;
}

// A sandbox that knows madvise, but not this advice.
int denied() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCollapse, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  if (!filterCalls(filter)) return 9;
  return never();
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = argc > 1 ? argv[1] : "";
  if (argc > 2) chargeFile = argv[2];
  if (std::strcmp(name, "dense") == 0) return dense();
  if (std::strcmp(name, "fallen") == 0) return fallen();
  if (std::strcmp(name, "never") == 0) return never();
  if (std::strcmp(name, "sparse") == 0) return sparse();
  if (std::strcmp(name, "small") == 0) return small();
  if (std::strcmp(name, "disabled") == 0) return disabled();
  if (std::strcmp(name, "denied") == 0) return denied();
  if (std::strcmp(name, "limited") == 0) return limited();
  if (std::strcmp(name, "pressed") == 0) return pressed();
  return 99;
}
