// Each way to walk against chains of calls that are known. This file is built with frame pointers and without
// inlining.
#include "runtime/sampling/unwind.h"

#include <csignal>
#include <cstdlib>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>
#include <pthread.h>
#include <string>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#include "runtime/sampling/readable.h"

namespace heapprof::sampling {
namespace {

using Frames = std::vector<std::uintptr_t>;
using WalkFunction = Walk (*)(const void*, std::uintptr_t*, std::uint32_t) noexcept;

struct Result {
  Frames frames;
  const char* failure = nullptr;
};

// What runs inside the innermost call: a public entry function as far as the walk is concerned.
struct Probe {
  WalkFunction walk;
  Result result;
};
Probe* probe = nullptr;
std::uint32_t probeDepth = kMaxFrames;

[[gnu::noinline]] void entry() {
  std::uintptr_t frames[kMaxFrames];
  const Walk walk = probe->walk(__builtin_frame_address(0), frames, probeDepth);
  probe->result = {Frames(frames, frames + walk.count), walk.failure};
  __asm__ volatile("");
}

[[gnu::noinline]] void chain(int n) {
  if (n == 0) {
    entry();
  } else {
    chain(n - 1);
  }
  __asm__ volatile("");
}

[[gnu::noinline]] void withBigFrame(int bytes) {
  auto* block = static_cast<volatile char*>(__builtin_alloca(static_cast<std::size_t>(bytes)));
  for (int i = 0; i < bytes; i += 512) block[i] = 1;
  entry();
  block[0] = 2;
}

// The compiler keeps the old stack pointer in memory here.
[[gnu::noinline]] void realigned(int bytes) {
  alignas(256) volatile char wide[256];
  auto* block = static_cast<volatile char*>(__builtin_alloca(static_cast<std::size_t>(bytes)));
  wide[0] = 1;
  block[0] = wide[0];
  entry();
  wide[1] = block[0];
}

template <typename F>
Result walkInside(WalkFunction walk, F body) {
  Probe mine{walk, {}};
  probe = &mine;
  body();
  probe = nullptr;
  return mine.result;
}

struct Method {
  const char* name;
  WalkFunction walk;
};
void PrintTo(const Method& method, std::ostream* out) {
  *out << method.name;
}

class EveryWalk : public ::testing::TestWithParam<Method> {
 protected:
  void SetUp() override {
    const char* note = "";
    const std::string name = GetParam().name;
    if (name == "ehFrame" && !openEhFrameWalk(&note)) GTEST_SKIP() << note;
    if (name == "libunwind" && !openLibunwind(&note)) GTEST_SKIP() << note;
    if (name == "libgcc" && !openLibgcc(&note)) GTEST_SKIP() << note;
  }
  template <typename F>
  Result inside(F body) {
    return walkInside(GetParam().walk, body);
  }
};

TEST_P(EveryWalk, TheLeafIsTheCallerAndTheChainIsWhole) {
  std::vector<Result> results;
  for (volatile int depth : {0, 10}) results.push_back(inside([&] { chain(depth); }));
  const Frames& shallow = results[0].frames;
  const Frames& deep = results[1].frames;
  ASSERT_EQ(results[0].failure, nullptr);
  ASSERT_GE(shallow.size(), 5u);
  ASSERT_EQ(deep.size(), shallow.size() + 10);
  EXPECT_EQ(deep[0], shallow[0]) << "the leaf is the call of entry()";
  for (std::size_t i = 2; i <= 10; ++i) EXPECT_EQ(deep[i], deep[1]) << "chain calling itself";
  for (std::size_t i = 1; i < shallow.size(); ++i) EXPECT_EQ(deep[i + 10], shallow[i]) << i;
}

TEST_P(EveryWalk, DepthCutsAtTheRoot) {
  const Result whole = inside([] { chain(30); });
  for (std::uint32_t depth : {1u, 2u, 7u, 20u}) {
    probeDepth = depth;
    const Result cut = inside([] { chain(30); });
    probeDepth = kMaxFrames;
    ASSERT_EQ(cut.frames.size(), depth);
    for (std::size_t i = 0; i < depth; ++i) EXPECT_EQ(cut.frames[i], whole.frames[i]);
  }
}

TEST_P(EveryWalk, ADeepStackFillsTheDepth) {
  const Result result = inside([] { chain(5000); });
  EXPECT_EQ(result.frames.size(), kMaxFrames);
}

TEST_P(EveryWalk, BigFramesArePassed) {
  const Result result = inside([] { withBigFrame(200'000); });
  const Result plain = inside([] { chain(0); });
  EXPECT_EQ(result.frames.size(), plain.frames.size());
}

TEST_P(EveryWalk, AThreadEndsAtItsStart) {
#if defined(__SANITIZE_THREAD__)
  // A thread that has called unw_backtrace() crashes as it ends, whoever called: libunwind's key destructor
  // locks a mutex after thread sanitizer has given the thread up.
  if (GetParam().walk == walkLibunwind) GTEST_SKIP() << "libunwind's thread end crashes inside libtsan";
#endif
  Result result;
  std::thread([&] { result = inside([] { chain(3); }); }).join();
  ASSERT_EQ(result.failure, nullptr);
  ASSERT_GE(result.frames.size(), 6u);
  ASSERT_LT(result.frames.size(), 40u);
}

INSTANTIATE_TEST_SUITE_P(Unwind, EveryWalk,
                         ::testing::Values(Method{"ehFrame", walkEhFrame}, Method{"libunwind", walkLibunwind},
                                           Method{"libgcc", walkLibgcc},
                                           Method{"framePointers", walkFramePointers}),
                         [](const auto& method) { return std::string(method.param.name); });

class EhFrameAgainstLibgcc : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* note = "";
    if (!openEhFrameWalk(&note) || !openLibgcc(&note)) GTEST_SKIP() << note;
  }
};

// The last pair of walks; compared later, because a signal handler may not allocate.
std::uintptr_t ehFrames[kMaxFrames];
std::uintptr_t libgccFrames[kMaxFrames];
Walk ehWalk;
Walk libgccWalk;

[[gnu::noinline]] void entryOfBoth() {
  ehWalk = walkEhFrame(__builtin_frame_address(0), ehFrames, kMaxFrames);
  libgccWalk = walkLibgcc(__builtin_frame_address(0), libgccFrames, kMaxFrames);
  __asm__ volatile("");
}

void expectBothAgree() {
  EXPECT_EQ(Frames(ehFrames, ehFrames + ehWalk.count), Frames(libgccFrames, libgccFrames + libgccWalk.count));
  EXPECT_GT(ehWalk.count, 3u);
  ehWalk = libgccWalk = {};
}

int compareThroughLibc(const void* a, const void* b) {
  entryOfBoth();
  expectBothAgree();
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

TEST_F(EhFrameAgainstLibgcc, ThroughLibcAndBack) {
  int numbers[] = {3, 1, 2};
  std::qsort(numbers, 3, sizeof numbers[0], compareThroughLibc);
  EXPECT_EQ(numbers[0], 1);
}

void onSignal(int) {
  entryOfBoth();
}

// On AArch64 a handler returns into the vDSO, whose unwind information says how to go on. qemu-user
// before 8.2 brings no vDSO and returns into a page of its own that no table describes; libgcc knows those
// two instructions by heart, we do not.
constexpr char kNotDescribed[] =
    "no vDSO here (qemu-user): nothing describes where a signal handler returns to";
bool returnFromHandlerIsDescribed() {
#if defined(__aarch64__)
  return getauxval(AT_SYSINFO_EHDR) != 0;
#else
  return true;
#endif
}

TEST_F(EhFrameAgainstLibgcc, ThroughASignalHandler) {
  if (!returnFromHandlerIsDescribed()) GTEST_SKIP() << kNotDescribed;
  std::signal(SIGUSR1, onSignal);
  std::raise(SIGUSR1);
  expectBothAgree();
}

TEST_F(EhFrameAgainstLibgcc, ThroughASignalHandlerOnItsOwnStack) {
  if (!returnFromHandlerIsDescribed()) GTEST_SKIP() << kNotDescribed;
  std::vector<char> memory(std::size_t{256} << 10);
  stack_t own{};
  own.ss_sp = memory.data();
  own.ss_size = memory.size();
  ASSERT_EQ(sigaltstack(&own, nullptr), 0);
  struct sigaction action {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR2, &action, nullptr), 0);
  std::raise(SIGUSR2);
  own.ss_flags = SS_DISABLE;
  sigaltstack(&own, nullptr);
  expectBothAgree();
}

TEST_F(EhFrameAgainstLibgcc, ThroughARealignedStack) {
  std::vector<Frames> both;
  for (const WalkFunction walk : {walkEhFrame, walkLibgcc}) {
    both.push_back(walkInside(walk, [] { realigned(100); }).frames);
  }
  EXPECT_GT(both[0].size(), 5u);
  EXPECT_EQ(both[0], both[1]);
}

// A second walk takes its rules from the cache.
TEST_F(EhFrameAgainstLibgcc, CachedRulesGiveTheSameStack) {
  for (int i = 0; i < 3; ++i) {
    entryOfBoth();
    expectBothAgree();
  }
}

ucontext_t mainContext;
ucontext_t otherContext;
Result coroutineResult;

void coroutine() {
  chain(4);
  swapcontext(&otherContext, &mainContext);
}

// On a coroutine's stack the walk ends with the coroutine, and never runs off its memory into the guard page
// above.
TEST(EhFrame, ACoroutineStackEndsTheWalk) {
  const char* note = "";
  if (!openEhFrameWalk(&note)) GTEST_SKIP() << note;
  constexpr std::size_t kBytes = std::size_t{64} << 10;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<char*>(
      mmap(nullptr, kBytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(mprotect(memory + kBytes, page, PROT_NONE), 0);
  Probe mine{walkEhFrame, {}};
  probe = &mine;
  getcontext(&otherContext);
  otherContext.uc_stack.ss_sp = memory;
  otherContext.uc_stack.ss_size = kBytes;
  otherContext.uc_link = &mainContext;
  makecontext(&otherContext, coroutine, 0);
  swapcontext(&mainContext, &otherContext);
  probe = nullptr;
  EXPECT_GE(mine.result.frames.size(), 6u);
  EXPECT_LT(mine.result.frames.size(), 10u);
  munmap(memory, kBytes + page);
}

#if defined(__x86_64__)
// An entry frame whose saved registers point into nowhere: the walk must end, not crash.
TEST(EhFrame, WildRegistersEndTheWalk) {
  const char* note = "";
  if (!openEhFrameWalk(&note)) GTEST_SKIP() << note;
  const Result real = walkInside(walkFramePointers, [] { chain(0); });
  base::Random random(9);
  for (int i = 0; i < 20'000; ++i) {
    std::uintptr_t stack[64];
    for (auto& word : stack) {
      const std::uint64_t kind = random.next() % 4;
      word = kind == 0   ? random.next()
             : kind == 1 ? reinterpret_cast<std::uintptr_t>(&stack[random.next() % 64])
             : kind == 2 ? real.frames[random.next() % real.frames.size()]
                         : random.next() % 5000;
    }
    stack[1] = real.frames[random.next() % real.frames.size()];
    std::uintptr_t frames[kMaxFrames];
    EXPECT_GE(walkEhFrame(stack, frames, kMaxFrames).count, 1u);
    walkFramePointers(stack, frames, kMaxFrames);
  }
}
#endif

TEST(Readable, TellsWhatCanBeRead) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* memory =
      static_cast<char*>(mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  mprotect(memory + page, page, PROT_NONE);
  munmap(memory + 2 * page, page);
  const auto start = reinterpret_cast<std::uintptr_t>(memory);
  EXPECT_TRUE(isReadable(start));
  EXPECT_TRUE(isReadable(start + page - 8));
  EXPECT_FALSE(isReadable(start + page));
  EXPECT_FALSE(isReadable(start + 2 * page));
  EXPECT_FALSE(isReadable(0));
  EXPECT_FALSE(isReadable(~std::uintptr_t{7}));
  sigset_t before{};  // libc fills the kernel's 8 bytes only
  sigset_t after{};
  sigprocmask(SIG_SETMASK, nullptr, &before);
  isReadable(start);
  sigprocmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(0, memcmp(&before, &after, sizeof before)) << "asking must not change the signal mask";
  munmap(memory, 2 * page);
}

// The choice is made once a process: ctest runs each case alone.
TEST(CaptureStack, FramePointersAreUsedWhenAskedFor) {
  if (std::string(unwinderName()) != "none") GTEST_SKIP() << "chosen already in this process";
  initialiseUnwinder(config::Unwinder::kFramePointer);
  EXPECT_STREQ(unwinderName(), "frame-pointer");
}

TEST(CaptureStack, AutoWalksEhFrameWhereLibcFindsTables) {
  if (std::string(unwinderName()) != "none") GTEST_SKIP() << "chosen already in this process";
  const bool tables = dlsym(RTLD_DEFAULT, "_dl_find_object") != nullptr;
  initialiseUnwinder(config::Unwinder::kAuto);
  EXPECT_STREQ(unwinderName(), tables ? "eh-frame" : "libunwind");
  EXPECT_STREQ(unwinderNote(), tables ? "" : "this libc has no _dl_find_object (glibc 2.35)");
}

}  // namespace
}  // namespace heapprof::sampling
