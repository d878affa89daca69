#include "runtime/sampling/lock.h"

#include "runtime/os/os.h"

namespace heapprof::sampling {
namespace {

constexpr int kSpins = 200;
constexpr std::uint64_t kShortestSleep = 10'000;  // nanoseconds
constexpr std::uint64_t kLongestSleep = 1'000'000;

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

template <typename Word>
void waitAndTake(std::atomic<Word>& word, Word taken) noexcept {
  for (std::uint64_t sleep = kShortestSleep;;) {
    for (int i = 0; i < kSpins; ++i) {
      Word expected = 0;
      // acquire: pairs with the release in unlock()
      if (word.load(std::memory_order_relaxed) == 0 &&
          word.compare_exchange_strong(expected, taken, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return;
      }
      relax();
    }
    // Its holder does not run: the processor is needed for that.
    os::kernel().pause(sleep);
    if (sleep < kLongestSleep) sleep *= 2;
  }
}

}  // namespace

[[gnu::noinline, gnu::cold]] void Lock::wait() noexcept {
  waitAndTake(word_, std::uint32_t{1});
}

[[gnu::noinline, gnu::cold]] bool HandlersLock::wait() noexcept {
  waitAndTake(word_, self());
  return true;
}

}  // namespace heapprof::sampling
