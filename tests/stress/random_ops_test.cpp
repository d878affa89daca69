// Random operation sequences against the shadow: one thread with every live block's span known, then several
// threads that hand blocks to each other.
#include <memory>
#include <mutex>
#include <thread>

#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

class RandomOps : public Intervals {};
HEAPPROF_INTERVALS(RandomOps);

void walkAlone(std::uint64_t seed, WorkerLimits limits, double share) {
  SpanMap spans;
  Worker worker(seed, limits, &spans);
  const Deadline deadline(share);
  while (!deadline.passed() && !worker.failed()) {
    for (int i = 0; i < 64; i++) worker.step();
  }
  worker.freeAll();
  EXPECT_EQ(worker.error(), "");
}

TEST_P(RandomOps, OneThreadAllSizesNeverOverlap) {
  walkAlone(seedFor(1), {}, 0.7);
}

TEST_P(RandomOps, OneThreadSmallSizesNeverOverlap) {
  walkAlone(seedFor(2), {.largest = 1500, .heldBytes = 4 << 20, .heldBlocks = 20000}, 0.4);
}

struct Mailbox {
  std::mutex mutex;
  std::vector<Block> blocks;
};

void walkTogether(std::size_t count, WorkerLimits limits, std::uint64_t salt, double share) {
  std::vector<Mailbox> mailboxes(count);
  std::vector<std::string> errors(count);
  std::vector<std::thread> threads;
  const Deadline deadline(share);
  for (std::size_t self = 0; self < count; self++) {
    threads.emplace_back([&, self] {
      Worker worker(seedFor(salt + self), limits);
      std::vector<Block> taken;
      while (!deadline.passed() && !worker.failed()) {
        for (int i = 0; i < 32; i++) worker.step();
        for (int i = 0; i < 16; i++) {
          Block block;
          if (!worker.give(&block)) break;
          Mailbox& other = mailboxes[worker.random().next() % count];
          const std::lock_guard guard(other.mutex);
          other.blocks.push_back(block);
        }
        {
          const std::lock_guard guard(mailboxes[self].mutex);
          taken.swap(mailboxes[self].blocks);
        }
        for (const Block& block : taken) worker.take(block);
        taken.clear();
      }
      errors[self] = worker.error();
    });
  }
  for (auto& thread : threads) thread.join();
  tally().threads += count;
  for (const auto& error : errors) EXPECT_EQ(error, "");
  for (auto& mailbox : mailboxes) {
    for (const Block& block : mailbox.blocks) EXPECT_TRUE(verifyAndFree(block));
  }
}

TEST_P(RandomOps, ThreadsHandBlocksOfAllSizesToEachOther) {
  walkTogether(4, {.heldBytes = 16 << 20}, 100, 0.7);
}

TEST_P(RandomOps, ThreadsHandSmallBlocksToEachOther) {
  walkTogether(5, {.largest = 700, .heldBytes = 1 << 20, .heldBlocks = 3000}, 200, 0.7);
}

TEST(RandomOpsInterval, ChangesUnderWayLoseNothing) {
  if (family().setInterval == nullptr) GTEST_SKIP() << family().name << " cannot sample";
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    base::Random random(seedFor(300));
    constexpr std::uint64_t kChoices[] = {0, 1, 64, 4096, 65536, 524288, std::uint64_t{1} << 30};
    while (!stop) {
      family().setInterval(kChoices[random.next() % std::size(kChoices)]);
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  walkTogether(3, {.largest = 100000, .heldBytes = 8 << 20}, 310, 1.0);
  stop = true;
  changer.join();
  family().setInterval(0);
}

}  // namespace
}  // namespace heapprof::stress
