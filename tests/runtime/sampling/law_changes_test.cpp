// The law where populations are not of one piece: the interval changes while batches are out, blocks grow and
// shrink in place, many heaps draw at once. Means are judged by the estimates' own spread, variances by the
// law where it is known.
#include <cmath>
#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "runtime/entry/malloc_family.h"
#include "runtime/sampling/law.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/sampling/law_harness.h"

namespace heapprof::sampling::tests {
namespace {

struct Series {
  std::vector<double> errors;  // estimate minus truth

  double mean() const {
    double sum = 0;
    for (double error : errors) sum += error;
    return sum / static_cast<double>(errors.size());
  }
  double variance() const {
    double squares = 0;
    for (double error : errors) squares += std::pow(error - mean(), 2);
    return squares / static_cast<double>(errors.size() - 1);
  }
  double meanInStandardErrors() const {
    return mean() / std::sqrt(variance() / static_cast<double>(errors.size()));
  }
};

double allocatedBytes(const std::vector<void*>& objects) {
  double sum = 0;
  for (void* object : objects) sum += static_cast<double>(hp_malloc_usable_size(object));
  return sum;
}

void freeAll(std::vector<void*>* objects) {
  for (void* object : *objects) hp_free(object);
  objects->clear();
}

// Objects that lay in a bin when the interval changed keep the interval of their draw; those of the next
// refill have the new one. Each record knows which.
TEST(LawChanges, ChangingTheIntervalWhileBatchesAreOutIsUnbiased) {
  initialise();
  setIntervalBytes(16384);
  Series live, alloc;
  base::Random random(4);
  std::vector<void*> objects;
  for (int round = 0; round < kEstimates; ++round) {
    resetCumulative();
    double truthAlloc = 0;
    for (int i = 0; i < 40'000; ++i) {
      // Every 200 objects or so, in the middle of a batch: many changes, so that a mistake would show.
      if (random.next() % 200 == 0) setIntervalBytes(std::uint64_t{4096} << (random.next() % 6));
      const std::size_t size = std::size_t{16} << (random.next() % 6);
      objects.push_back(hp_malloc(size));
      truthAlloc += static_cast<double>(hp_malloc_usable_size(objects.back()));
      if (i % 3 == 0) {
        std::swap(objects[random.next() % objects.size()], objects.back());
        hp_free(objects.back());
        objects.pop_back();
      }
    }
    const Estimate estimate = readEstimate();
    live.errors.push_back(estimate.liveBytes - allocatedBytes(objects));
    alloc.errors.push_back(estimate.allocBytes - truthAlloc);
    freeAll(&objects);
    ASSERT_EQ(readEstimate().rawLive, 0u);
  }
  EXPECT_LT(std::abs(live.meanInStandardErrors()), 4);
  EXPECT_LT(std::abs(alloc.meanInStandardErrors()), 4);
  std::printf("live %+.2f, alloc %+.2f standard errors\n", live.meanInStandardErrors(),
              alloc.meanInStandardErrors());
}

// Blocks that were resized in place are samples of their final size, whatever their history.
TEST(LawChanges, GrowingAndShrinkingInPlaceLeavesTheLawOfTheFinalSize) {
  initialise();
  constexpr std::uint64_t kInterval = 1 << 20;
  setIntervalBytes(kInterval);
  constexpr std::size_t kBlocks = 250;
  constexpr std::size_t kPath[] = {600'000, 1'900'000, 1'200'000, 2'500'000, 700'000};
  Series live;
  double variance = 0;
  std::uint64_t inPlace = 0, resizes = 0;
  for (int round = 0; round < kEstimates; ++round) {
    std::vector<void*> blocks(kBlocks);
    for (void*& block : blocks) block = hp_malloc(kPath[0]);
    // Neighbours that leave give the others room to grow.
    for (std::size_t i = 1; i < kBlocks; i += 2) hp_free(std::exchange(blocks[i], nullptr));
    for (std::size_t step = 1; step < std::size(kPath); ++step) {
      for (std::size_t i = 0; i < kBlocks; i += 2) {
        void* moved = hp_realloc(blocks[i], kPath[step]);
        inPlace += moved == blocks[i] ? 1 : 0;
        ++resizes;
        blocks[i] = moved;
      }
    }
    double truth = 0;
    for (std::size_t i = 0; i < kBlocks; i += 2) {
      const auto allocated = hp_malloc_usable_size(blocks[i]);
      const double s = static_cast<double>(allocated);
      const double p = sampleProbability(allocated, kInterval);
      truth += s;
      variance += s * s * (1 - p) / p / kEstimates;
    }
    live.errors.push_back(readEstimate().liveBytes - truth);
    for (void* block : blocks) hp_free(block);
    ASSERT_EQ(readEstimate().rawLive, 0u);
  }
  EXPECT_GT(inPlace, resizes / 4) << "the test must meet blocks that stay";
  EXPECT_LT(std::abs(live.mean() / std::sqrt(variance / kEstimates)), 4);
  EXPECT_NEAR(live.variance() / variance, 1, 0.25);
  std::printf("%.0f%% in place; mean %+.2f standard errors, variance %.2f of the law's\n",
              100.0 * static_cast<double>(inPlace) / static_cast<double>(resizes),
              live.mean() / std::sqrt(variance / kEstimates), live.variance() / variance);
}

// Blocks that have room to grow, each third one of a row.
std::vector<void*> blocksWithRoom(std::size_t count, std::size_t size) {
  std::vector<void*> all(3 * count);
  for (void*& block : all) block = hp_malloc(size);
  std::vector<void*> kept;
  for (std::size_t i = 0; i < all.size(); ++i) i % 3 == 0 ? kept.push_back(all[i]) : hp_free(all[i]);
  return kept;
}

// A block's chance is that of its final size only if what it grew by is drawn at the interval it was born
// under: `before`; those born while sampling was off (0) are drawn whole.
void expectGrowthIsUnbiased(std::uint64_t before, std::uint64_t after, bool byAnotherThread) {
  SCOPED_TRACE(testing::Message() << "born at " << before << ", grown at " << after);
  initialise();
  constexpr std::size_t kBlocks = 100;
  Series live;
  std::size_t inPlace = 0;
  for (int round = 0; round < kEstimates; ++round) {
    setIntervalBytes(before);
    std::vector<void*> blocks = blocksWithRoom(kBlocks, 600'000);
    setIntervalBytes(after);
    const auto grow = [&] {
      for (void*& block : blocks) {
        void* grown = hp_realloc(block, 1'200'000);
        inPlace += grown == block ? 1 : 0;
        block = grown;
      }
    };
    if (byAnotherThread) {
      std::thread(grow).join();  // it has allocated nothing: no heap, no random numbers yet
    } else {
      grow();
    }
    live.errors.push_back(readEstimate().liveBytes - allocatedBytes(blocks));
    freeAll(&blocks);
    ASSERT_EQ(readEstimate().rawLive, 0u);
  }
  EXPECT_GT(inPlace, kBlocks * kEstimates * 9 / 10) << "the test must meet blocks that stay";
  EXPECT_LT(std::abs(live.meanInStandardErrors()), 4);
  std::printf("born at %lu, grown at %lu: %+.2f standard errors, %.1f%% in place\n",
              static_cast<unsigned long>(before), static_cast<unsigned long>(after),
              live.meanInStandardErrors(), 100.0 * static_cast<double>(inPlace) / (kBlocks * kEstimates));
}

TEST(LawChanges, BlocksThatGrowAfterTheIntervalChangedAreUnbiased) {
  constexpr std::uint64_t kMiB = 1 << 20;
  expectGrowthIsUnbiased(kMiB, 8 * kMiB, false);
  expectGrowthIsUnbiased(8 * kMiB, kMiB, false);
  expectGrowthIsUnbiased(0, kMiB, false);
}

TEST(LawChanges, BlocksGrownByThreadsThatHadNoHeapAreUnbiased) {
  expectGrowthIsUnbiased(1 << 20, 1 << 20, true);
}

// Sixteen heaps share the work: were their draws alike, the variance would grow.
TEST(LawChanges, HeapsDrawIndependently) {
  initialise();
  constexpr std::uint64_t kInterval = 65536;
  setIntervalBytes(kInterval);
  constexpr std::size_t kThreads = 16;
  constexpr std::size_t kEach = 800;
  constexpr std::size_t kSize = 1024;
  Series live;
  for (int round = 0; round < kEstimates; ++round) {
    std::vector<std::vector<void*>> objects(kThreads);
    std::atomic<std::size_t> ready{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        // All at once, so that each has a heap of its own.
        ready.fetch_add(1);
        while (ready.load() < kThreads) std::this_thread::yield();
        for (std::size_t i = 0; i < kEach; ++i) objects[t].push_back(hp_malloc(kSize));
      });
    }
    for (auto& thread : threads) thread.join();
    live.errors.push_back(readEstimate().liveBytes - static_cast<double>(kThreads * kEach * kSize));
    for (auto& mine : objects) freeAll(&mine);
    ASSERT_EQ(readEstimate().rawLive, 0u);
  }
  const double p = sampleProbability(kSize, kInterval);
  const double variance = kThreads * kEach * static_cast<double>(kSize) * kSize * (1 - p) / p;
  EXPECT_LT(std::abs(live.mean() / std::sqrt(variance / kEstimates)), 4);
  // Threads race for heaps, so no seed fixes this one: 4 standard errors of a variance of 200 values.
  EXPECT_NEAR(live.variance() / variance, 1, 4 * std::sqrt(2.0 / (kEstimates - 1)));
  std::printf("mean %+.2f standard errors, variance %.2f of the law's\n",
              live.mean() / std::sqrt(variance / kEstimates), live.variance() / variance);
}

// A bin given back half used had been filled up to the next sample and no further: what was not handed out
// must not count towards it. (It did: a thread a request was sampled three times too often.)
TEST(LawChanges, ThreadsThatComeAndGoAreUnbiased) {
  initialise();
  constexpr std::uint64_t kInterval = 8192;
  setIntervalBytes(kInterval);
  constexpr std::size_t kThreads = 400;
  constexpr std::size_t kEach = 20;
  constexpr std::size_t kSize = 64;
  Series live;
  for (int round = 0; round < kEstimates; ++round) {
    std::vector<void*> objects;
    for (std::size_t t = 0; t < kThreads; ++t) {
      std::thread([&] {
        for (std::size_t i = 0; i < kEach; ++i) objects.push_back(hp_malloc(kSize));
      }).join();
    }
    live.errors.push_back(readEstimate().liveBytes - static_cast<double>(kThreads * kEach * kSize));
    freeAll(&objects);
    ASSERT_EQ(readEstimate().rawLive, 0u);
  }
  const double p = sampleProbability(kSize, kInterval);
  const double variance = kThreads * kEach * static_cast<double>(kSize) * kSize * (1 - p) / p;
  EXPECT_LT(std::abs(live.mean() / std::sqrt(variance / kEstimates)), 4);
  EXPECT_NEAR(live.variance() / variance, 1, 4 * std::sqrt(2.0 / (kEstimates - 1)));
  std::printf("mean %+.2f standard errors, variance %.2f of the law's\n",
              live.mean() / std::sqrt(variance / kEstimates), live.variance() / variance);
}

// Producers allocate while consumers free, all at the same time.
TEST(LawChanges, ConcurrentCrossThreadFreesLoseNoSample) {
  initialise();
  setIntervalBytes(8192);
  Series alloc;
  for (int round = 0; round < kEstimates; ++round) {
    resetCumulative();
    constexpr int kPairs = 2;
    constexpr std::size_t kObjects = 4000;
    std::vector<std::vector<std::atomic<void*>>> slots;
    for (int i = 0; i < kPairs; ++i) slots.emplace_back(kObjects);
    std::vector<std::thread> threads;
    for (auto& pair : slots) {
      threads.emplace_back([&pair] {
        for (auto& slot : pair) slot.store(hp_malloc(320), std::memory_order_release);
      });
      threads.emplace_back([&pair] {
        for (auto& slot : pair) {
          void* object = nullptr;
          while ((object = slot.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
          hp_free(object);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const Estimate estimate = readEstimate();
    ASSERT_EQ(estimate.rawLive, 0u) << "a sample outlived its object";
    alloc.errors.push_back(estimate.allocBytes - kPairs * static_cast<double>(kObjects) * 320);
  }
  EXPECT_LT(std::abs(alloc.meanInStandardErrors()), 4);
  std::printf("alloc %+.2f standard errors\n", alloc.meanInStandardErrors());
}

}  // namespace
}  // namespace heapprof::sampling::tests

int main(int argc, char** argv) {
  return heapprof::sampling::tests::lawMain(argc, argv);
}
