// An ordinary program that helper_test.cpp runs on the real library. Its one argument says what it does; it
// ends with 0 when all was as it should be, else with the number of the check that failed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <span>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/victim_tools.h"

namespace {

using heapprof::tests::figureOf;
using heapprof::tests::filterCalls;
using heapprof::tests::rssKiB;
using heapprof::tests::within;

// The kernel id of the thread that is called heapprof; 0: there is none.
long helperThread() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  long found = 0;
  while (const dirent* entry = readdir(tasks)) {
    char path[64];
    char name[32] = {};
    const long id = std::atol(entry->d_name);
    if (id == 0) continue;
    std::snprintf(path, sizeof path, "/proc/self/task/%ld/comm", id);
    if (std::FILE* file = std::fopen(path, "r")) {
      if (std::fgets(name, sizeof name, file) != nullptr && std::strcmp(name, "heapprof\n") == 0) found = id;
      std::fclose(file);
    }
  }
  closedir(tasks);
  return found;
}

long wakeUpsOf(long thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%ld/status", thread);
  return figureOf(path, "\nvoluntary_ctxt_switches");
}

constexpr std::size_t kBlocks = 64;
void* blocks[kBlocks];

void grow(std::size_t bytes) {
  for (void*& block : blocks) {
    block = std::malloc(bytes / kBlocks);
    std::memset(block, 1, bytes / kBlocks);
  }
  std::free(std::malloc(100));  // a call that may start the helper
  for (std::size_t i = 0; i < 3000; ++i) std::free(std::malloc(8 + i % 500));
}
void shrink() {
  for (void*& block : blocks) std::free(block);
}

constexpr std::size_t kMiB = std::size_t{1} << 20;

int small() {
  grow(4 * kMiB);
  shrink();
  usleep(300000);
  return helperThread() == 0 ? 0 : 1;
}

// Less than 8 MiB live of a heap of more: sizes that move leave free room behind in slabs.
int mixed() {
  static void* kept[8192];
  unsigned seed = 1;
  std::size_t live = 0;
  for (int i = 0; i < 400000; ++i) {
    void*& block = kept[static_cast<unsigned>(rand_r(&seed)) % 8192];
    if (block != nullptr) live -= malloc_usable_size(block);
    std::free(block);
    block = nullptr;
    const std::size_t octave = std::size_t{16} << (static_cast<unsigned>(rand_r(&seed)) + i / 40000) % 11;
    if (live + 2 * octave > 6 * kMiB) continue;
    block = std::malloc(octave + static_cast<unsigned>(rand_r(&seed)) % octave);
    std::memset(block, 1, octave);
    live += malloc_usable_size(block);
  }
  if (rssKiB() < 10 * 1024) return 1;  // then this shows nothing
  if (helperThread() != 0) return 2;
  grow(16 * kMiB);
  return within(5, [] { return helperThread() != 0; }) ? 0 : 3;
}

int idle() {
  grow(64 * kMiB);
  if (!within(5, [] { return helperThread() != 0; })) return 1;
  const long before = rssKiB();
  shrink();
  if (!within(10, [before] { return rssKiB() < before - 56 * 1024; })) return 2;
  const long thread = helperThread();
  usleep(2500000);  // its last looks
  const long wakeUps = wakeUpsOf(thread);
  usleep(1500000);
  if (wakeUpsOf(thread) != wakeUps) return 3;
  grow(64 * kMiB);  // and it is there again when there is work
  shrink();
  return within(10, [before] { return rssKiB() < before - 56 * 1024; }) ? 0 : 4;
}

int forbidden() {
  grow(64 * kMiB);
  shrink();
  usleep(300000);
  return helperThread() == 0 ? 0 : 1;
}

int child() {
  grow(64 * kMiB);
  if (!within(5, [] { return helperThread() != 0; })) return 1;
  const pid_t forked = fork();
  if (forked == 0) {
    if (helperThread() != 0) _exit(2);
    shrink();
    grow(64 * kMiB);
    if (!within(5, [] { return helperThread() != 0; })) _exit(3);
    const long before = rssKiB();
    shrink();
    _exit(within(10, [before] { return rssKiB() < before - 56 * 1024; }) ? 0 : 4);
  }
  int status = 0;
  waitpid(forked, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

void* lastThread(void*) {
  usleep(200000);
  std::free(std::malloc(10));
  return nullptr;  // the process is to end now, and not to wait for the helper
}

int mainLeaves() {
  grow(64 * kMiB);
  if (!within(5, [] { return helperThread() != 0; })) return 1;
  pthread_t thread;
  pthread_create(&thread, nullptr, lastThread, nullptr);
  pthread_detach(thread);
  pthread_exit(nullptr);
}

// Threads that live on and sleep after most of what they made is free.
struct Sleeper {
  pthread_t thread;
  unsigned seed;
  bool grown, mayEnd;
};
Sleeper allSleepers[16];
std::span<Sleeper> sleepers(allSleepers, 4);
std::size_t blocksOfEach = 8000;
bool atManyDepths = false;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

std::size_t sizeOfBlock(std::size_t i) {
  return atManyDepths && i % 8 == 3 ? 9000 : 2000;
}

// Each sleeps at another depth: what calls of ours have left on the stack comes to lie in other places of the
// frames that wait.
[[gnu::noinline]] void waitForTheEnd(const Sleeper& sleeper, std::size_t depth) {
  auto* volatile between = static_cast<char*>(__builtin_alloca(depth));
  between[0] = 1;
  while (!sleeper.mayEnd) pthread_cond_wait(&changed, &mutex);
}

void* sleeperMain(void* context) {
  auto& sleeper = *static_cast<Sleeper*>(context);
  // An address of the library on the stack is not yet a call that has to return there.
  void (*volatile release)(void*) = &std::free;
  auto** made = static_cast<char**>(std::malloc(blocksOfEach * sizeof(char*)));
  for (std::size_t i = 0; i < blocksOfEach; ++i) {
    made[i] = static_cast<char*>(std::malloc(sizeOfBlock(i)));
    std::memset(made[i], static_cast<int>(i % 100 + 1), sizeOfBlock(i));
  }
  for (std::size_t i = 0; i < blocksOfEach; ++i) {
    if (i % 20 != 0) std::free(made[i]);
  }
  pthread_mutex_lock(&mutex);
  sleeper.grown = true;
  pthread_cond_broadcast(&changed);
  if (atManyDepths) waitForTheEnd(sleeper, 16 + 16 * static_cast<std::size_t>(&sleeper - allSleepers));
  while (!sleeper.mayEnd) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  bool good = true;
  for (std::size_t i = 0; i < blocksOfEach; i += 20) {
    for (std::size_t at = 0; at < sizeOfBlock(i); ++at) {
      good = good && made[i][at] == static_cast<char>(i % 100 + 1);
    }
    release(made[i]);
  }
  std::free(made);
  return good ? nullptr : context;
}

int sleepersFall() {
  const long before = rssKiB();
  for (Sleeper& sleeper : sleepers) pthread_create(&sleeper.thread, nullptr, sleeperMain, &sleeper);
  pthread_mutex_lock(&mutex);
  for (Sleeper& sleeper : sleepers) {
    while (!sleeper.grown) pthread_cond_wait(&changed, &mutex);
  }
  pthread_mutex_unlock(&mutex);
  std::free(std::malloc(100));
  // 62 or 66 MiB were made; 3 MiB are live, in at most 7 MiB of pages.
  const bool fell = within(10, [before] { return rssKiB() - before < 12 * 1024; });
  if (!fell) std::printf("RSS is %ld KiB above the start\n", rssKiB() - before);
  pthread_mutex_lock(&mutex);
  for (Sleeper& sleeper : sleepers) sleeper.mayEnd = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  bool good = true;
  for (Sleeper& sleeper : sleepers) {
    void* result = nullptr;
    pthread_join(sleeper.thread, &result);
    good = good && result == nullptr;
  }
  return !good ? 1 : fell ? 0 : 2;
}

// Asleep in vfork(), the thread lends its child its stack, its thread-local memory and so its heap.
void sleepInVfork() {
  const pid_t child = vfork();
  if (child == 0) {
    usleep(2000000);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
}

// Asleep in a signal handler, it may have been interrupted inside malloc. When it runs, this handler is not
// set any more.
void sleepInHandler() {
  struct sigaction action = {};
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  action.sa_handler = [](int) { usleep(2000000); };
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
}

// A thread with sparse slabs that must not be trimmed while it sleeps in that way.
void* keeperMain(void* context) {
  constexpr std::size_t kCount = 16000;
  auto** made = static_cast<char**>(std::malloc(kCount * sizeof(char*)));
  for (std::size_t i = 0; i < kCount; ++i) {
    made[i] = static_cast<char*>(std::malloc(2000));
    std::memset(made[i], 1, 2000);
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 10 != 0) std::free(made[i]);  // one at least in every slab
  }
  const long sparse = rssKiB();
  reinterpret_cast<void (*)()>(context)();
  const long afterwards = rssKiB();
  if (afterwards < sparse - 4 * 1024) return made;
  // Asleep as others are it is trimmed, so that way was why it was not. The calls wake the helper.
  for (std::size_t i = 0; i < 3000; ++i) std::free(std::malloc(8 + i % 500));
  std::free(std::malloc(kMiB));
  return within(10, [sparse] { return rssKiB() < sparse - 16 * 1024; }) ? nullptr : made;
}

int keepsItsHeap(void (*sleep)()) {
  grow(16 * kMiB);
  if (!within(5, [] { return helperThread() != 0; })) return 1;
  shrink();
  usleep(1500000);  // what is free for good has gone back before anything is compared
  pthread_t thread;
  void* result = nullptr;
  pthread_create(&thread, nullptr, keeperMain, reinterpret_cast<void*>(sleep));
  pthread_join(thread, &result);
  return result == nullptr ? 0 : 2;
}

// Threads that work in bursts and sleep for moments, while their heaps are taken from them as often as can
// be.
bool stormEnds = false;

void* stormMain(void* context) {
  unsigned seed = static_cast<Sleeper*>(context)->seed;
  const auto next = [&seed] { return seed = seed * 1664525u + 1013904223u, seed >> 8; };
  constexpr std::size_t kSlots = 300;
  struct Slot {
    unsigned char* block;
    std::size_t size;
  };
  static thread_local Slot slots[kSlots];
  while (!__atomic_load_n(&stormEnds, __ATOMIC_RELAXED)) {
    for (unsigned burst = next() % 200; burst-- > 0;) {
      Slot& slot = slots[next() % kSlots];
      for (std::size_t at = 0; slot.block != nullptr && at < slot.size; ++at) {
        if (slot.block[at] != slot.size % 250 + 1) return context;
      }
      std::free(slot.block);
      slot.size = 1 + next() % (next() % 8 == 0 ? 30000 : 1500);
      slot.block =
          static_cast<unsigned char*>(next() % 2 == 0 ? std::malloc(slot.size) : std::calloc(1, slot.size));
      std::memset(slot.block, static_cast<int>(slot.size % 250 + 1), slot.size);
    }
    if (next() % 3 == 0) usleep(next() % 2000);
  }
  for (const Slot& slot : slots) std::free(slot.block);
  return nullptr;
}

int storm() {
  unsigned seed = 0;
  for (Sleeper& sleeper : sleepers) {
    sleeper.seed = ++seed;
    pthread_create(&sleeper.thread, nullptr, stormMain, &sleeper);
  }
  for (int i = 0; i < 3000; ++i) {
    malloc_trim(0);
    if (i % 100 == 0) {
      const pid_t forked = fork();
      if (forked == 0) {
        for (std::size_t k = 0; k < 3000; ++k) std::free(std::malloc(k));
        malloc_trim(0);
        _exit(0);
      }
      int status = 0;
      waitpid(forked, &status, 0);
      if (status != 0) return 3;
    }
  }
  __atomic_store_n(&stormEnds, true, __ATOMIC_RELAXED);
  for (Sleeper& sleeper : sleepers) {
    void* result = nullptr;
    pthread_join(sleeper.thread, &result);
    if (result != nullptr) return 1;
  }
  return 0;
}

// No new threads, and no advice to the kernel: as sandboxes do.
int sandboxed() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 440, 2, 0),  // process_madvise
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
  };
  if (!filterCalls(filter)) return 2;
  for (int round = 0; round < 3; ++round) {
    grow(64 * kMiB);
    for (void* block : blocks) {
      if (static_cast<char*>(block)[kMiB / 2] != 1) return 3;
    }
    shrink();
    auto* zeroed = static_cast<char*>(std::calloc(3, kMiB));
    for (std::size_t at = 0; at < 3 * kMiB; at += 512) {
      if (zeroed[at] != 0) return 4;
    }
    std::free(zeroed);
  }
  return helperThread() == 0 ? 0 : 5;
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = argc > 1 ? argv[1] : "";
  if (std::strcmp(name, "small") == 0) return small();
  if (std::strcmp(name, "mixed") == 0) return mixed();
  if (std::strcmp(name, "idle") == 0) return idle();
  if (std::strcmp(name, "forbidden") == 0) return forbidden();
  if (std::strcmp(name, "child") == 0) return child();
  if (std::strcmp(name, "main-leaves") == 0) return mainLeaves();
  if (std::strcmp(name, "sleepers") == 0) return sleepersFall();
  if (std::strcmp(name, "sleepers-at-many-depths") == 0) {
    sleepers = allSleepers;
    blocksOfEach = 1500;
    atManyDepths = true;
    return sleepersFall();
  }
  if (std::strcmp(name, "vforker") == 0) return keepsItsHeap(sleepInVfork);
  if (std::strcmp(name, "handler") == 0) return keepsItsHeap(sleepInHandler);
  if (std::strcmp(name, "storm") == 0) return storm();
  if (std::strcmp(name, "sandboxed") == 0) return sandboxed();
  return 99;
}
