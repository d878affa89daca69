// libunwind, opened at run time and kept out of the host's symbol scope.
//
// Version 1.6 opens a pipe with which it checks pointers, keeps its two descriptors for ever and never looks
// whether they are still its own: a program that closes every descriptor and opens its own has them read
// from, written to and closed. So the descriptors are found when it is warmed up, their inodes are compared
// before each walk, and after a mismatch libunwind is never entered again. In a forked child it would replace
// the pipe: it is not entered there at all.
#include "runtime/sampling/unwind.h"

#include <atomic>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace heapprof::sampling {
namespace {

using BacktraceFunction = int (*)(void**, int);

constexpr int kOwnFrames = 24;  // between the public entry function and unwind_backtrace: five or so
constexpr int kMostDescriptors = 8;

struct Descriptor {
  int number;
  dev_t device;
  ino_t inode;
};

constinit std::atomic<BacktraceFunction> backtraceFunction{nullptr};
constinit std::atomic<const char*> lost{nullptr};  // why it must not be entered any more
constinit std::atomic<int> inside{0};
constinit std::atomic<bool> forking{false};
constinit Descriptor descriptors[kMostDescriptors] = {};
constinit int descriptorCount = 0;

// Bit i: descriptor i is open. Descriptors above 1023 are not looked at.
struct OpenSet {
  std::uint64_t words[16];
};

void readOpenSet(OpenSet* set) noexcept {
  *set = {};
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) set->words[fd / 64] |= std::uint64_t{1} << (fd % 64);
  }
}

void rememberNewPipes(const OpenSet& before) noexcept {
  OpenSet after;
  readOpenSet(&after);
  for (int fd = 0; fd < 1024 && descriptorCount < kMostDescriptors; ++fd) {
    const std::uint64_t bit = std::uint64_t{1} << (fd % 64);
    if ((after.words[fd / 64] & ~before.words[fd / 64] & bit) == 0) continue;
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode)) continue;
    descriptors[descriptorCount++] = {fd, info.st_dev, info.st_ino};
  }
}

bool descriptorsAreOurs() noexcept {
  for (int i = 0; i < descriptorCount; ++i) {
    struct stat info;
    if (fstat(descriptors[i].number, &info) != 0 || info.st_dev != descriptors[i].device ||
        info.st_ino != descriptors[i].inode) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool openLibunwind(const char** note) noexcept {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    *note = "libunwind.so.8 cannot be opened";
    return false;
  }
  auto backtrace = reinterpret_cast<BacktraceFunction>(dlsym(library, "unw_backtrace"));
  if (backtrace == nullptr) {
    *note = "libunwind.so.8 has no unw_backtrace";
    return false;
  }
  OpenSet before;
  readOpenSet(&before);
  void* frames[kOwnFrames];
  for (int i = 0; i < 3; ++i) backtrace(frames, kOwnFrames);
  rememberNewPipes(before);
  backtraceFunction.store(backtrace, std::memory_order_release);
  return true;
}

Walk walkLibunwind(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  const BacktraceFunction backtrace = backtraceFunction.load(std::memory_order_acquire);
  if (backtrace == nullptr) return {0, "[unwind failed: libunwind.so.8 not available]"};
  if (const char* reason = lost.load(std::memory_order_relaxed)) return {0, reason};
  // seq_cst on both: a walker is either seen by prepareLibunwindFork or sees `forking`.
  inside.fetch_add(1);
  void* raw[kMaxFrames + kOwnFrames];
  int found = 0;
  const char* failure = nullptr;
  if (forking.load()) {
    failure = "[unwind failed: another thread was forking]";
  } else if (!descriptorsAreOurs()) {
    failure = "[unwind failed: the program closed libunwind's descriptors]";
    lost.store(failure, std::memory_order_relaxed);
  } else {
    found = backtrace(raw, static_cast<int>(depth) + kOwnFrames);
  }
  inside.fetch_sub(1);
  if (failure != nullptr) return {0, failure};

  const std::uintptr_t leaf = returnAddressOf(entryFrame);
  int first = 0;
  while (first < found && reinterpret_cast<std::uintptr_t>(raw[first]) != leaf) ++first;
  if (first == found) return {0, "[unwind failed: libunwind did not reach the caller]"};
  std::uint32_t count = 0;
  for (int i = first; i < found && count < depth; ++i) {
    frames[count++] = withoutPointerAuthentication(reinterpret_cast<std::uintptr_t>(raw[i]));
  }
  return {count, nullptr};
}

// Waits for threads inside, but not for ever: one of them may need a lock of ld.so that the forking thread
// holds.
void prepareLibunwindFork() noexcept {
  forking.store(true);
  for (int i = 0; i < 100 && inside.load() != 0; ++i) {
    const timespec pause = {0, 100'000};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
}

void libunwindAfterFork(bool inChild) noexcept {
  if (inChild) {
    lost.store("[unwind failed: libunwind is not entered in a forked child]", std::memory_order_relaxed);
    inside.store(0);
  }
  forking.store(false);
}

}  // namespace heapprof::sampling
