#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "runtime/base/fatal.h"
#include "runtime/base/mutex.h"
#include "runtime/base/random.h"

namespace heapprof::base {
namespace {

TEST(Mutex, ExcludesOthersWhileHeld) {
  Mutex mutex;
  std::uint64_t counter = 0;  // not atomic: ThreadSanitizer and the sum both notice a failure
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        MutexGuard guard(mutex);
        ++counter;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 80000u);
}

TEST(Mutex, TryLockFailsWhileHeldAndWorksAfterReset) {
  Mutex mutex;
  ASSERT_TRUE(mutex.tryLock());
  EXPECT_FALSE(mutex.tryLock());
  mutex.reset();  // what a forked child does with a lock whose holder is gone
  EXPECT_TRUE(mutex.tryLock());
  mutex.unlock();
}

TEST(Random, IsUniformEnoughAndNeverZero) {
  Random random(7);
  double sum = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.unit();
    ASSERT_GT(u, 0.0);
    ASSERT_LE(u, 1.0);
    sum += u;
  }
  // The mean of n uniform draws has standard error 1/sqrt(12 n); 5 of them.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
}

TEST(Random, NeighbouringSeedsGiveUnrelatedStreams) {
  Random a(1), b(2);
  int equalBits = 0;
  for (int i = 0; i < 1000; ++i) equalBits += __builtin_popcountll(~(a.next() ^ b.next()));
  EXPECT_NEAR(equalBits, 32000, 5 * std::sqrt(64000.0 / 4));
}

// The second output of xoshiro256** comes from state[0] ^ state[1] ^ state[2]: were these words of its two
// neighbours (they were, when heaps were told apart by splitmix's own increment), each stream could be told
// from theirs.
TEST(Random, StreamsOfOneSeedShareNoStateWithTheirNeighbours) {
  const auto wordBehind = [](std::uint64_t output) {
    const std::uint64_t rotated = output * 0x8e38e38e38e38e39u;       // 1/9
    return ((rotated >> 7) | (rotated << 57)) * 0xcccccccccccccccdu;  // 1/5
  };
  constexpr std::uint64_t kStreams = 10'000;
  std::vector<std::uint64_t> first, second;
  for (std::uint64_t stream = 0; stream < kStreams; ++stream) {
    Random random;
    random.reseed(20261123, stream);
    first.push_back(wordBehind(random.next()));
    second.push_back(wordBehind(random.next()));
  }
  for (std::size_t i = 1; i + 1 < kStreams; ++i)
    ASSERT_NE(second[i], first[i - 1] ^ first[i] ^ first[i + 1]) << i;
  std::sort(first.begin(), first.end());
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
}

TEST(FatalDeathTest, SaysOneLineAndAborts) {
  EXPECT_EXIT(fatal("the moon is made of cheese"), testing::KilledBySignal(SIGABRT),
              "^heapprof: fatal: the moon is made of cheese\n(qemu: [^\n]*\n)?$");  // the emulator's own line
}

TEST(LogLine, IsSilentWhenTurnedOff) {
  testing::internal::CaptureStderr();
  logLine("one ", "two");
  setLogging(false);
  logLine("three");
  setLogging(true);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "heapprof: one two\n");
}

}  // namespace
}  // namespace heapprof::base
