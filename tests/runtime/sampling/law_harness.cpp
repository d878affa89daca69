#include "tests/runtime/sampling/law_harness.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "runtime/entry/malloc_family.h"
#include "runtime/heap/samples.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::sampling::tests {
namespace {

constexpr std::uint64_t kNeverLent = 4096;  // requests to here are always served by their own class
constexpr char kSettings[] = "seed=20261123,sample=0,dump=none,background=0";

// s^2 (1-p)/p, what one object adds to the variance of an unbiased sum of sizes.
double varianceOf(std::uint64_t allocated, std::uint64_t interval) {
  const double s = static_cast<double>(allocated);
  const double x = s / static_cast<double>(interval);
  return s * s * std::exp(-x) / -std::expm1(-x);
}

class Round {
 public:
  Round(const Population& population, std::vector<void*>* objects)
      : population_(population), objects_(*objects) {}

  Truth run(Outcome* outcome) {
    resetCumulative();
    objects_.assign(population_.count, nullptr);
    fill();
    std::thread([this] { drop(4, 1); }).join();
    drop(4, 3);
    fill();
    const Estimate estimate = readEstimate();
    outcome->live.push_back(estimate.liveBytes);
    outcome->alloc.push_back(estimate.allocBytes);
    const Truth truth = truthNow();
    drop(2, 0);
    std::thread([this] { drop(1, 0); }).join();
    if (readEstimate().rawLive != 0) outcome->cleanAfterEachRound = false;
    return truth;
  }

 private:
  void fill() {
    for (void*& object : objects_) {
      if (object != nullptr) continue;
      object = hp_malloc(population_.size);
      if (object == nullptr) std::abort();
      count(object, &allocBytes_, &allocVariance_);
    }
  }
  void drop(std::size_t of, std::size_t which) {
    for (std::size_t i = which; i < objects_.size(); i += of) {
      if (objects_[i] == nullptr) continue;
      hp_free(objects_[i]);
      objects_[i] = nullptr;
    }
  }
  // Medium classes lend to each other, so each of their objects is asked for its size.
  void count(const void* object, double* bytes, double* variance) {
    const bool fixed = population_.size <= kNeverLent && lastAllocated_ != 0;
    const std::uint64_t allocated = fixed ? lastAllocated_ : hp_malloc_usable_size(const_cast<void*>(object));
    if (allocated != lastAllocated_) {
      lastAllocated_ = allocated;
      lastVariance_ = varianceOf(allocated, population_.interval);
    }
    *bytes += static_cast<double>(allocated);
    *variance += lastVariance_;
  }
  Truth truthNow() {
    Truth truth;
    truth.allocBytes = allocBytes_;
    truth.allocVariance = allocVariance_;
    for (const void* object : objects_) count(object, &truth.liveBytes, &truth.liveVariance);
    return truth;
  }

  const Population& population_;
  std::vector<void*>& objects_;
  std::uint64_t lastAllocated_ = 0;
  double lastVariance_ = 0;
  double allocBytes_ = 0;
  double allocVariance_ = 0;
};

}  // namespace

Estimate readEstimate() {
  Estimate sum;
  heap::settleSamples();
  forEachSite(
      [](void* context, const Site& site) {
        auto& total = *static_cast<Estimate*>(context);
        total.liveBytes += site.liveBytes;
        total.liveObjects += site.liveObjects;
        total.allocBytes += site.allocBytes;
        total.allocObjects += site.allocObjects;
        total.rawLive += site.rawLive;
      },
      &sum);
  return sum;
}

Outcome runRounds(const Population& population, int rounds) {
  initialise();
  setIntervalBytes(population.interval);
  Outcome outcome;
  std::vector<void*> objects;
  for (int i = 0; i < rounds; ++i) outcome.truth.push_back(Round(population, &objects).run(&outcome));
  setIntervalBytes(0);
  return outcome;
}

std::uint64_t allocatedSize(std::uint64_t size) {
  void* object = hp_malloc(size);
  const std::uint64_t allocated = hp_malloc_usable_size(object);
  hp_free(object);
  return allocated;
}

int lawMain(int argc, char** argv) {
  const char* settings = std::getenv("HEAPPROF");
  if (settings == nullptr || std::strstr(settings, "seed=") == nullptr) {
    setenv("HEAPPROF", kSettings, 1);
    execv("/proc/self/exe", argv);
    std::perror("execv");
    return 1;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace heapprof::sampling::tests
