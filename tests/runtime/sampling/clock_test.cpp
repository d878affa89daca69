// The sampler's clock beside the one that it stands for, and the lock that nobody wakes.
#include "runtime/sampling/clock.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "runtime/os/fake.h"
#include "runtime/os/os.h"
#include "runtime/sampling/lock.h"

namespace heapprof::sampling {
namespace {

// What the clock said was between two readings of the kernel's; gives how far outside, 0: not at all.
std::uint64_t outside() {
  const std::uint64_t before = os::kernel().monotonicNanos();
  const std::uint64_t told = clockNanos();
  const std::uint64_t after = os::kernel().monotonicNanos();
  return told < before ? before - told : told > after ? told - after : 0;
}

bool toldByCounter() {
  return clockAnchor.spanTicks.load() != 0;
}

// Over many spans, so that the slope is taken anew several times.
TEST(Clock, TellsTheKernelsTime) {
  initialiseClock();
  std::uint64_t worst = 0;
  std::uint64_t readings = 0;
  const std::uint64_t start = os::kernel().monotonicNanos();
  while (os::kernel().monotonicNanos() - start < 1'500'000'000) {
    worst = std::max(worst, outside());
    ++readings;
  }
  std::printf("%ju readings, %s, at most %ju ns outside\n", static_cast<uintmax_t>(readings),
              toldByCounter() ? "by the counter" : "by the clock itself", static_cast<uintmax_t>(worst));
  EXPECT_LT(worst, 50'000u);
}

TEST(Clock, SeldomReadIsTheClockItself) {
  initialiseClock();
  for (int i = 0; i < 5; ++i) {
    os::kernel().pause(150'000'000);
    EXPECT_LT(outside(), 50'000u);
  }
}

TEST(Clock, IsATestsClockWhereThereIsOne) {
  initialiseClock();
  const std::uint64_t start = os::kernel().monotonicNanos();
  while (os::kernel().monotonicNanos() - start < 300'000'000) clockNanos();
  os::Fake fake;
  fake.setClock(1000, 0);
  EXPECT_EQ(clockNanos(), 1000u);
  for (int i = 1; i <= 20; ++i) {
    fake.advanceClock(60'000'000);
    EXPECT_EQ(clockNanos(), 1000 + 60'000'000 * static_cast<std::uint64_t>(i));
  }
}

TEST(Clock, OfAChildIsNotStuckWhereItsParentWas) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "no anchor: the clock itself is read here";
#endif
  initialiseClock();
  clockNanos();
  clockAnchor.version.fetch_add(1);  // as if another thread were moving the anchor
  const pid_t child = fork();
  if (child == 0) {
    clockAfterForkInChild();
    const bool even = clockAnchor.version.load() % 2 == 0;
    _exit(even && outside() < 1'000'000 ? 0 : 1);
  }
  clockAnchor.version.fetch_add(1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Clock, ThreadsAgree) {
  initialiseClock();
  std::vector<std::thread> threads;
  std::vector<std::uint64_t> worst(4);
  for (std::size_t t = 0; t < worst.size(); ++t) {
    threads.emplace_back([t, &worst] {
      for (int i = 0; i < 200'000; ++i) worst[t] = std::max(worst[t], outside());
    });
  }
  for (auto& thread : threads) thread.join();
  for (const std::uint64_t each : worst) EXPECT_LT(each, 50'000u);
}

TEST(Lock, OneAtATime) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kRounds = 50'000;
  Lock lock;
  std::uint64_t count = 0;  // plain: the thread sanitizer looks on
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        const LockGuard guard(lock);
        ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kRounds);
}

// Whoever waits wakes by himself, and keeps errno.
TEST(Lock, IsWaitedForWhileItsHolderSleeps) {
  Lock lock;
  lock.lock();
  std::thread waiter([&lock] {
    errno = 77;
    const LockGuard guard(lock);
    EXPECT_EQ(errno, 77);
  });
  os::kernel().pause(20'000'000);
  lock.unlock();
  waiter.join();
  lock.lock();
  lock.reset();
  const LockGuard guard(lock);
}

// A handler is told that it interrupted the holder; another thread waits for it.
TEST(HandlersLock, KnowsItsHolder) {
  HandlersLock lock;
  ASSERT_TRUE(lock.lock());
  EXPECT_FALSE(lock.lock());
  std::atomic<bool> taken{false};
  std::thread waiter([&] {
    EXPECT_TRUE(lock.lock());
    taken.store(true);
    lock.unlock();
  });
  os::kernel().pause(20'000'000);
  EXPECT_FALSE(taken.load());
  lock.unlock();
  waiter.join();
  EXPECT_TRUE(lock.lock());
  lock.reset();
  EXPECT_TRUE(lock.lock());
}

}  // namespace
}  // namespace heapprof::sampling
