// What every stress test shares: how long to run, where randomness comes from, what was done, and who notices
// a hang.
//
// Invariant: a run is repeatable from the seed it prints (STRESS_SEED sets it; the interleaving of threads is
// not part of it). A test runs for STRESS_SECONDS x its share (1 by default). Counters only grow; any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <sys/types.h>

#include "runtime/base/random.h"
#include "tests/conformance/family.h"
#include "tests/sanitizers.h"

namespace heapprof::stress {

using conformance::family;

struct Tally {
  std::atomic<std::uint64_t> operations{0}, verifiedBlocks{0}, verifiedBytes{0}, threads{0}, forks{0},
      loads{0}, signals{0}, faults{0};
};
Tally& tally() noexcept;  // one for this process and its children

// Seed of this test: the base seed mixed with `salt`. The base is printed at start and with every failure.
std::uint64_t seedFor(std::uint64_t salt) noexcept;

class Deadline {
 public:
  explicit Deadline(double share = 1.0) noexcept;
  bool passed() const noexcept { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

// Waits for a child, at most `seconds`; on a hang kills it. Empty when it ended with 0, else what happened.
std::string waitFor(pid_t child, int seconds);

// Kilobytes of RSS now.
std::uint64_t residentKilobytes();

// The sampling intervals under which every test runs; glibc and other allocators that cannot sample run "off"
// alone.
class Intervals : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override;
  void TearDown() override;
};

}  // namespace heapprof::stress

#define HEAPPROF_INTERVALS(suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(                                                                               \
      Sampling, suite, ::testing::Values(0, 512 << 10, 4 << 10, 1), [](const auto& information) {         \
        return information.param == 0 ? std::string("Off") : "Every" + std::to_string(information.param); \
      })
