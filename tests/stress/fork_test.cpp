// fork while other threads are anywhere inside the allocator: the child must be able to allocate, to free
// what its parent made, and to end; a lock held across the fork shows as a child that hangs.
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

class Fork : public Intervals {};
HEAPPROF_INTERVALS(Fork);

constexpr int kHangSeconds = 20;

enum ChildResult { kGood = 0, kParentsBlockBroken = 11, kOwnBlockBroken = 12, kGrandchildFailed = 13 };

// Runs in the child: frees the parent's blocks, walks, forks once more.
int useHeapInChild(const std::vector<Block>& inherited, std::uint64_t seed, bool again) {
  for (const Block& block : inherited) {
    if (!verifyAndFree(block)) return kParentsBlockBroken;
  }
  Worker worker(seed, {.largest = 100000, .heldBytes = 4 << 20});
  for (int i = 0; i < 400; i++) worker.step();
  if (again) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      for (int i = 0; i < 100; i++) worker.step();
      _exit(worker.failed() ? kOwnBlockBroken : kGood);
    }
    if (!waitFor(grandchild, kHangSeconds / 2).empty()) return kGrandchildFailed;
    tally().forks++;
  }
  worker.freeAll();
  return worker.failed() ? kOwnBlockBroken : kGood;
}

// Forks in a loop from the calling thread; blocks given to the child stay alive in the parent and are checked
// there too.
std::string forkUntil(const Deadline& deadline, std::uint64_t salt, std::uint64_t* count) {
  Worker worker(seedFor(salt), {.largest = 60000, .heldBytes = 2 << 20, .heldBlocks = 500});
  // Twice at least, however slow: a second child comes of a process that has already had one.
  while ((!deadline.passed() || *count < 2) && !worker.failed()) {
    for (int i = 0; i < 200; i++) worker.step();
    const pid_t child = fork();
    if (child < 0) return "fork failed";
    if (child == 0) _exit(useHeapInChild(worker.held(), seedFor(salt + *count), *count % 8 == 0));
    ++*count;
    const std::string problem = waitFor(child, kHangSeconds);
    if (!problem.empty()) return problem;
  }
  worker.freeAll();
  return worker.error();
}

void storm(std::size_t hammers, std::size_t forkers, std::uint64_t salt, double share) {
  const Deadline deadline(share);
  std::atomic<bool> stop{false};
  std::vector<std::string> errors(hammers + forkers);
  std::vector<std::uint64_t> counts(forkers);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < hammers; i++) {
    threads.emplace_back([&, i] {
      // Mostly refills and large blocks: the paths that take locks.
      Worker worker(seedFor(salt + i),
                    {.largest = std::size_t{1} << 20, .heldBytes = 8 << 20, .heldBlocks = 300});
      while (!stop && !worker.failed()) worker.step();
      errors[i] = worker.error();
    });
  }
  for (std::size_t i = 0; i < forkers; i++) {
    threads.emplace_back(
        [&, i] { errors[hammers + i] = forkUntil(deadline, salt + 1000 * (i + 1), &counts[i]); });
  }
  for (std::size_t i = 0; i < forkers; i++) threads[hammers + i].join();
  stop = true;
  for (std::size_t i = 0; i < hammers; i++) threads[i].join();
  for (const auto& error : errors) EXPECT_EQ(error, "");
  for (std::uint64_t count : counts) {
    EXPECT_GT(count, 1u);
    tally().forks += count;
  }
  tally().threads += hammers + forkers;
}

TEST_P(Fork, ChildrenUseTheHeapWhileOtherThreadsHeldItsLocks) {
  storm(3, 1, 20000, 0.8);
}
TEST_P(Fork, SeveralThreadsMayForkAtOnce) {
  storm(1, 3, 30000, 0.6);
}

TEST_P(Fork, AThreadOfTheChildMayAllocate) {
#if defined(HEAPPROF_TEST_TSAN)
  // In a child forked among threads TSan ignores every access and still lists the parent's threads; it ends
  // the child
  // ("dup thread with used id") once libc gives a new thread the stack, so the id, of one that is not there.
  // Its flag die_after_fork=0 only silences the earlier refusal.
  GTEST_SKIP() << "ThreadSanitizer does not support new threads in a child forked among threads";
#endif
  std::atomic<bool> stop{false};
  std::string hammerError;
  std::thread hammer([&] {
    Worker worker(seedFor(40000), {.largest = 100000, .heldBytes = 4 << 20});
    while (!stop && !worker.failed()) worker.step();
    hammerError = worker.error();
  });
  const Deadline deadline(0.4);
  std::uint64_t count = 0;
  std::string problem;
  while (!deadline.passed() && problem.empty()) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int result = kGood;
      std::thread([&] {
        Worker worker(seedFor(41000 + count), {.largest = 50000, .heldBytes = 2 << 20});
        for (int i = 0; i < 300; i++) worker.step();
        worker.freeAll();
        if (worker.failed()) result = kOwnBlockBroken;
      }).join();
      _exit(result);
    }
    count++;
    problem = waitFor(child, kHangSeconds);
  }
  stop = true;
  hammer.join();
  tally().forks += count;
  EXPECT_EQ(problem, "");
  EXPECT_EQ(hammerError, "");
}

}  // namespace
}  // namespace heapprof::stress
