// Threads that only free, threads that live for a moment, threads that allocate while they end.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>

#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

class Threads : public Intervals {};
HEAPPROF_INTERVALS(Threads);

// A queue that holds at most `limit` batches: the producer waits, so live memory stays bounded.
class BatchQueue {
 public:
  explicit BatchQueue(std::size_t limit) : limit_(limit) {}
  void push(std::vector<Block> batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_.size() < limit_; });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }
  bool pop(std::vector<Block>* out) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !batches_.empty() || closed_; });
    if (batches_.empty()) return false;
    *out = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<Block>> batches_;
  std::size_t limit_;
  bool closed_ = false;
};

Block makeBlock(base::Random& random, std::size_t largest) {
  Block block;
  block.bytes = logUniform(random, largest);
  block.start = static_cast<unsigned char*>(family().malloc(block.bytes));
  block.nonce = random.next();
  if (block.start != nullptr) fill(block);
  return block;
}

// About 1 MiB live. The consumer never allocates, so every free is remote; RSS must not follow the number of
// operations.
void produceAndConsume(std::size_t producers, std::size_t consumers, double share) {
  const std::uint64_t before = residentKilobytes();
  BatchQueue queue(16);
  std::atomic<std::uint64_t> broken{0}, nulls{0};
  std::vector<std::thread> makers, takers;
  const Deadline deadline(share);
  for (std::size_t i = 0; i < producers; i++) {
    makers.emplace_back([&, i] {
      base::Random random(seedFor(400 + i));
      while (!deadline.passed()) {
        std::vector<Block> batch;
        for (int k = 0; k < 200; k++) {
          batch.push_back(makeBlock(random, 1500));
          if (batch.back().start == nullptr) nulls++;
        }
        queue.push(std::move(batch));
      }
    });
  }
  for (std::size_t i = 0; i < consumers; i++) {
    takers.emplace_back([&] {
      std::vector<Block> batch;
      while (queue.pop(&batch)) {
        for (const Block& block : batch) {
          if (!verifyAndFree(block)) broken++;
        }
      }
    });
  }
  for (auto& maker : makers) maker.join();
  queue.close();
  for (auto& taker : takers) taker.join();
  tally().threads += producers + consumers;
  EXPECT_EQ(broken, 0u);
  EXPECT_EQ(nulls, 0u);
  const std::uint64_t after = residentKilobytes();
#if !defined(HEAPPROF_TEST_SANITIZED)
  if (family().isOurs) {
    EXPECT_LT(after, before + 16 * 1024) << "memory does not come back from the consumer";
  }
#else
  (void)before, (void)after;
#endif
}

TEST_P(Threads, OneProducerOneConsumerStaysSmall) {
  produceAndConsume(1, 1, 0.4);
}
TEST_P(Threads, ManyProducersOneConsumerStaysSmall) {
  produceAndConsume(3, 1, 0.4);
}
TEST_P(Threads, OneProducerManyConsumersStaysSmall) {
  produceAndConsume(1, 3, 0.4);
}

TEST_P(Threads, StormOfShortThreadsLeavesBlocksToOthers) {
  std::vector<Block> left;
  std::mutex leftMutex;
  std::atomic<std::uint64_t> broken{0};
  const Deadline deadline(0.8);
  std::uint64_t started = 0;
  while (!deadline.passed()) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
      threads.emplace_back([&, salt = started++] {
        base::Random random(seedFor(1000 + salt));
        std::vector<Block> own;
        for (int k = 0; k < 60; k++) own.push_back(makeBlock(random, k % 20 == 0 ? 200000 : 2000));
        std::vector<Block> others;
        {
          const std::lock_guard guard(leftMutex);
          for (int k = 0; k < 30; k++) left.push_back(own[static_cast<std::size_t>(k)]);
          for (int k = 0; k < 28 && !left.empty(); k++) {
            const std::size_t index = random.next() % left.size();
            others.push_back(left[index]);
            left[index] = left.back();
            left.pop_back();
          }
        }
        for (std::size_t k = 30; k < own.size(); k++) broken += verifyAndFree(own[k]) ? 0 : 1;
        for (const Block& block : others) broken += verifyAndFree(block) ? 0 : 1;
      });
    }
    for (auto& thread : threads) thread.join();
  }
  for (const Block& block : left) broken += verifyAndFree(block) ? 0 : 1;
  tally().threads += started;
  EXPECT_EQ(broken, 0u);
  EXPECT_GT(started, 50u);
}

// A value that frees and allocates while its thread ends, again in each round of key destructors.
struct Ending {
  Block block;
  int rounds = 0;
  std::uint64_t* broken = nullptr;
  pthread_key_t key{};
};

void endThread(void* value) {
  auto* ending = static_cast<Ending*>(value);
  if (!verifyAndFree(ending->block)) ++*ending->broken;
  base::Random random(reinterpret_cast<std::uintptr_t>(value) + static_cast<std::uint64_t>(ending->rounds));
  if (ending->rounds-- > 0) {
    ending->block = makeBlock(random, 3000);
    pthread_setspecific(ending->key, ending);
  } else {
    delete ending;
  }
}

struct LocalEnding {
  Block block;
  std::uint64_t* broken = nullptr;
  ~LocalEnding() {
    if (broken == nullptr) return;
    base::Random random(block.nonce);
    const Block another = makeBlock(random, 50000);
    if (!verifyAndFree(block) || !verifyAndFree(another)) ++*broken;
  }
};
thread_local LocalEnding localEnding;

TEST_P(Threads, DestructorsOfThreadLocalsAndKeysMayAllocate) {
  pthread_key_t key{};
  ASSERT_EQ(pthread_key_create(&key, endThread), 0);
  std::vector<std::uint64_t> broken(4);
  const Deadline deadline(0.4);
  std::uint64_t started = 0;
  while (!deadline.passed()) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < broken.size(); i++) {
      threads.emplace_back([&, i, salt = started++] {
        base::Random random(seedFor(5000 + salt));
        auto* ending = new Ending{makeBlock(random, 3000), 2, &broken[i], key};
        pthread_setspecific(key, ending);
        localEnding.block = makeBlock(random, 3000);
        localEnding.broken = &broken[i];
      });
    }
    for (auto& thread : threads) thread.join();
  }
  tally().threads += started;
  pthread_key_delete(key);
  for (std::uint64_t count : broken) EXPECT_EQ(count, 0u);
}

// The only allocation of a thread's life happens in a destructor; and a thread that frees but never
// allocates.
TEST_P(Threads, AThreadThatNeverAllocatedMayFreeAndEnd) {
  std::atomic<std::uint64_t> broken{0};
  const Deadline deadline(0.3);
  base::Random random(seedFor(6000));
  while (!deadline.passed()) {
    std::vector<Block> blocks;
    for (int i = 0; i < 300; i++) blocks.push_back(makeBlock(random, i % 50 == 0 ? 300000 : 400));
    std::thread([&] {
      for (const Block& block : blocks) broken += verifyAndFree(block) ? 0 : 1;
    }).join();
    tally().threads++;
  }
  EXPECT_EQ(broken, 0u);
}

}  // namespace
}  // namespace heapprof::stress
