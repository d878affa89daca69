// Recognised stacks are those that a fresh walk gives, whatever the program does with its stack between two
// samples. A memo that believed anything would fail here: each case makes the same start cursor lead to
// different stacks.
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#include "runtime/base/errno_keeper.h"
#include "runtime/base/random.h"
#include "runtime/sampling/eh_frame.h"
#include "runtime/sampling/readable.h"
#include "tests/runtime/sampling/recognise_harness.h"
#include "tests/sanitizers.h"

namespace heapprof::tests {
namespace {

class Recognise : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!openRecognition()) GTEST_SKIP() << "no _dl_find_object";
  }
};

void expectSound(const Compared& seen, std::uint64_t least) {
  EXPECT_EQ(seen.wrong, 0u) << "a fresh walk gives\n"
                            << ::testing::PrintToString(seen.fresh) << "\nbut taken was\n"
                            << ::testing::PrintToString(seen.taken);
  EXPECT_GE(seen.recognised, least) << "of " << seen.stacks;
}

// One random tree of calls: each visit calls entry() or visits, in frames of some kinds.
struct Tree {
  base::Random random;
  Compared* seen;
  std::uint64_t left;  // visits
  std::uint64_t below(std::uint64_t n) { return random.next() % n; }
};

void visit(Tree& tree, int depth);

template <int kBytes>
[[gnu::noinline]] void fixedFrame(Tree& tree, int depth) {
  volatile char room[kBytes];
  room[0] = 1;
  visit(tree, depth);
  room[kBytes - 1] = room[0];
}

[[gnu::noinline]] void growingFrame(Tree& tree, int depth) {
  const std::size_t bytes = 16 + 16 * tree.below(20);
  auto* room = static_cast<volatile char*>(__builtin_alloca(bytes));
  room[0] = 1;
  visit(tree, depth);
  room[bytes - 1] = room[0];
}

[[gnu::noinline]] void realignedFrame(Tree& tree, int depth) {
  alignas(128) volatile char wide[128];
  wide[0] = 1;
  visit(tree, depth);
  wide[1] = wide[0];
}

[[gnu::noinline]] void recursion(Tree& tree, int depth, std::uint64_t more) {
  if (more == 0) {
    visit(tree, depth);
  } else {
    recursion(tree, depth, more - 1);
  }
  __asm__ volatile("");
}

[[gnu::noinline]] void jumper(Tree& tree, int depth, jmp_buf& out) {
  visit(tree, depth);
  std::longjmp(out, 1);
}

[[gnu::noinline]] void jumpedOver(Tree& tree, int depth) {
  jmp_buf here;
  if (setjmp(here) == 0) jumper(tree, depth, here);
  entry(tree.seen);
}

[[gnu::noinline]] void sameFrameA(Compared* seen) {
  entry(seen);
  __asm__ volatile("nop");
}
[[gnu::noinline]] void sameFrameB(Compared* seen) {
  entry(seen);
  __asm__ volatile("nop; nop");
}

[[gnu::noinline]] void visit(Tree& tree, int depth) {
  const std::uint64_t calls = 1 + tree.below(3);
  for (std::uint64_t i = 0; i < calls && tree.left != 0; ++i) {
    --tree.left;
    const int deeper = depth + 1;
    switch (depth > 12 ? tree.below(3) : tree.below(12)) {
      case 0:
        for (int again = 0; again < 4; ++again) {
          __asm__ volatile("" : "+r"(again));
          entry(tree.seen);
        }
        break;
      case 1:
        sameFrameA(tree.seen);
        break;
      case 2:
        sameFrameB(tree.seen);
        break;
      case 3:
        fixedFrame<16>(tree, deeper);
        break;
      case 4:
        fixedFrame<24>(tree, deeper);
        break;
      case 5:
        fixedFrame<1000>(tree, deeper);
        break;
      case 6:
        growingFrame(tree, deeper);
        break;
      case 7:
        realignedFrame(tree, deeper);
        break;
      case 8:
        recursion(tree, deeper, tree.below(8));
        break;
      case 9:
        recursion(tree, deeper, tree.below(120));
        break;
      case 10:
        jumpedOver(tree, deeper);
        break;
      default:
        sameFrameA(tree.seen);
        sameFrameB(tree.seen);
        break;
    }
  }
}

void visitTrees(std::uint64_t seed, std::uint64_t visits, Compared* seen) {
  Tree tree{base::Random(seed), seen, visits};
  while (tree.left != 0) visit(tree, 0);
}

TEST_F(Recognise, AgreesWithFreshWalksOverRandomTreesOfCalls) {
  Compared seen;
  visitTrees(1, 30'000, &seen);
  expectSound(seen, seen.stacks / 20);
}

TEST_F(Recognise, RecognisesWhatComesAgain) {
  Compared seen;
  for (int i = 0; i < 100; ++i) sameFrameA(&seen);
  expectSound(seen, 99);
}

// The same function at the same depth, called by turns from two places.
TEST_F(Recognise, TellsCallersOfOneFunctionApart) {
  Compared seen;
  void (*volatile callers[])(Compared*) = {sameFrameA, sameFrameB};
  for (int i = 0; i < 1000; ++i) callers[i % 2](&seen);
  expectSound(seen, 998);
}

TEST_F(Recognise, KeepsStacksOfEveryDepthAskedFor) {
  Compared seen;
  for (int i = 0; i < 200; ++i) {
    compareAt(__builtin_frame_address(0), &seen, static_cast<std::uint32_t>(1 + i / 3 % 7));
  }
  expectSound(seen, 100);
}

TEST_F(Recognise, AgreesInManyThreadsAtOnce) {
  std::vector<Compared> seen(6);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t) {
    threads.emplace_back([&seen, t] {
      for (std::uint64_t round = 0; round < 10; ++round) {
        std::thread([&seen, t, round] { visitTrees(round % 3, 400, &seen[t]); }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
#if defined(HEAPPROF_TEST_TSAN)
  constexpr std::uint64_t kLeast = 0;  // its runtime's frames in each thread are of no kind that is kept
#else
  constexpr std::uint64_t kLeast = 1;
#endif
  for (const Compared& one : seen) expectSound(one, kLeast);
}

Compared inHandler;

TEST_F(Recognise, AgreesInHandlersOnAStackOfTheirOwn) {
  std::vector<char> memory(std::size_t{256} << 10);
  stack_t own{};
  own.ss_sp = memory.data();
  own.ss_size = memory.size();
  ASSERT_EQ(sigaltstack(&own, nullptr), 0);
  struct sigaction action {};
  action.sa_handler = [](int) {
    const base::ErrnoKeeper keeper;
    entry(&inHandler);
  };
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
  Compared seen;
  inHandler.ofHandler = true;
  const itimerval every{{0, 300}, {0, 300}};
  setitimer(ITIMER_REAL, &every, nullptr);
  for (std::uint64_t seed = 1; inHandler.stacks < 300 && seed < 2000; ++seed)
    visitTrees(seed % 4, 1000, &seen);
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  own.ss_flags = SS_DISABLE;
  sigaltstack(&own, nullptr);
  expectSound(seen, 1);
  expectSound(inHandler, 0);
  EXPECT_GE(inHandler.stacks, 300u);
}

#if !defined(HEAPPROF_TEST_TSAN)  // whose runtime must be told of each switch of stacks
ucontext_t mainContext;
ucontext_t otherContext;
Compared inCoroutine;

void coroutine(int seed) {
  visitTrees(static_cast<std::uint64_t>(seed), 300, &inCoroutine);
}

// One address, many coroutines' stacks: mapped anew each time, with and without memory above, and none is
// left when the next begins.
TEST_F(Recognise, AgreesOnCoroutinesThatShareAnAddress) {
  constexpr std::size_t kBytes = std::size_t{256} << 10;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* place = mmap(nullptr, kBytes + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(place, MAP_FAILED);
  for (int round = 0; round < 60; ++round) {
    auto* memory = static_cast<char*>(
        mmap(place, kBytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    ASSERT_EQ(memory, place);
    if (round % 2 != 0) {
      ASSERT_EQ(mprotect(memory + kBytes, page, PROT_NONE), 0);
    }
    getcontext(&otherContext);
    otherContext.uc_stack.ss_sp = memory;
    otherContext.uc_stack.ss_size = kBytes;
    otherContext.uc_link = &mainContext;
    makecontext(&otherContext, reinterpret_cast<void (*)()>(coroutine), 1, round % 3);
    swapcontext(&mainContext, &otherContext);
  }
  munmap(place, kBytes + page);
  expectSound(inCoroutine, 300);
}
#endif

#if defined(__x86_64__)
// A copy of a stack somewhere else, which nothing runs on, so that its words can be changed at will.
class CopiedStack {
 public:
  static constexpr std::size_t kWords = 1024;

  CopiedStack() {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    memory_ = static_cast<std::uintptr_t*>(
        mmap(nullptr, kWords * 8 + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~CopiedStack() { munmap(memory_, kWords * 8 + static_cast<std::size_t>(sysconf(_SC_PAGESIZE))); }
  CopiedStack(const CopiedStack&) = delete;
  CopiedStack& operator=(const CopiedStack&) = delete;

  // From an entry frame upwards, with the pointers into it moved along. Others are left out but for code's:
  // what they lead to changes while it is compared.
  HEAPPROF_READS_FOREIGN_STACK __attribute__((noinline)) void copy(const void* entryFrame) {
    const auto* from = static_cast<const volatile std::uintptr_t*>(entryFrame);
    const auto begin = reinterpret_cast<std::uintptr_t>(entryFrame);
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uintptr_t word = sampling::isReadable(begin + 8 * i) ? from[i] : 0;
      sampling::CodeObject object;
      memory_[i] = word - begin < kWords * 8 ? word - begin + reinterpret_cast<std::uintptr_t>(memory_)
                   : sampling::findCodeObject(word, &object) ? word
                                                             : 0;
    }
  }
  std::uintptr_t* words() const { return memory_; }
  // From this word on nothing can be read; whole pages.
  void hideFrom(std::size_t word) const { mprotect(memory_ + word, (kWords - word) * 8, PROT_NONE); }
  void showAll() const { mprotect(memory_, kWords * 8, PROT_READ | PROT_WRITE); }

 private:
  std::uintptr_t* memory_;
};

// Deep enough for several steps of each kind.
[[gnu::noinline]] void copyBelow(Tree& tree, CopiedStack& copied, int more) {
  if (more == 0) {
    copied.copy(__builtin_frame_address(0));
    return;
  }
  auto* room = static_cast<volatile char*>(__builtin_alloca(16 + 16 * tree.below(20)));
  room[0] = 1;
  copyBelow(tree, copied, more - 1);
  room[1] = room[0];
}

[[gnu::noinline]] void copyInFixed(CopiedStack& copied, int more) {
  if (more == 0) {
    copied.copy(__builtin_frame_address(0));
  } else {
    copyInFixed(copied, more - 1);
  }
  __asm__ volatile("");
}

// Whatever changes in the words of a stack, or ends it: what is recognised is what a walk would find. Words
// that no walk reads change as well, and must not matter.
TEST_F(Recognise, AgreesOnStacksWhoseWordsChange) {
  CopiedStack copied;
  Compared none;
  Tree tree{base::Random(5), &none, 0};
  Compared seen;
  for (int round = 0; round < 200; ++round) {
    if (round % 2 == 0) {
      copyBelow(tree, copied, 3 + round % 40);
    } else {
      copyInFixed(copied, 3 + round % 100);
    }
    std::uintptr_t* words = copied.words();
    for (int change = 0; change < 100; ++change) {
      compareAt(words, &seen);
      compareAt(words, &seen);
      const std::size_t at = tree.below(2) == 0 ? tree.below(128) : tree.below(CopiedStack::kWords);
      const std::uintptr_t before = words[at];
      const std::size_t other = tree.below(CopiedStack::kWords);
      words[at] = tree.below(2) == 0 ? words[other] : tree.random.next();
      compareAt(words, &seen);
      if (tree.below(8) != 0) words[at] = before;
    }
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 8;
    compareAt(words, &seen);
    if (page < CopiedStack::kWords) copied.hideFrom(page);
    compareAt(words, &seen);
    copied.showAll();
  }
  expectSound(seen, seen.stacks / 4);
}

[[gnu::noinline]] int keepReturnAddress(void* to) {
  *static_cast<void**>(to) = __builtin_return_address(0);
  return 0;
}

// Another library at the place of one that was unloaded: the same start and the same words lead elsewhere,
// because the rules are others.
TEST_F(Recognise, DoesNotTakeALibraryForItsSuccessor) {
  const std::uintptr_t start = getauxval(AT_ENTRY);  // in _start nobody called, says its table
  std::uintptr_t words[64];
  for (std::size_t i = 0; i < std::size(words); ++i) words[i] = start + 2 + i % 24;
  Compared seen;
  std::vector<std::uintptr_t> inPlugin;
  std::vector<std::uintptr_t> callers;
  for (int round = 0; round < 20; ++round) {
    void* plugin =
        dlopen(round % 2 == 0 ? HEAPPROF_TEST_PLUGIN_4 : HEAPPROF_TEST_PLUGIN_10, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << dlerror();
    auto call = reinterpret_cast<int (*)(int (*)(void*), void*)>(dlsym(plugin, "pluginCall"));
    call(keepReturnAddress, &words[1]);
    inPlugin.push_back(words[1]);
    for (int again = 0; again < 3; ++again) compareAt(words, &seen);
    std::uintptr_t frames[sampling::kMaxFrames];
    ASSERT_EQ(sampling::walkEhFrame(words, frames, sampling::kMaxFrames).count, 2u);
    callers.push_back(frames[1]);
    dlclose(plugin);
  }
  // Otherwise the case shows nothing.
  ASSERT_EQ(inPlugin[0], inPlugin[1]);
  ASSERT_NE(callers[0], callers[1]);
  expectSound(seen, 20);
}
#endif

}  // namespace
}  // namespace heapprof::tests
