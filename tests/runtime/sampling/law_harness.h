// Runs a population of objects through the real allocator many times and keeps what the sampler estimated,
// beside the truth. Objects come from hp_malloc only, so the sampler sees nothing of the test itself.
//
// The draws repeat from run to run: the seed is fixed (lawMain), one thread allocates, and threads that free
// run while it waits. So a test that passes, passes again.
#pragma once

#include <cstdint>
#include <vector>

namespace heapprof::sampling::tests {

inline constexpr int kEstimates = 200;

// Sums over all sites, as a dump would make them.
struct Estimate {
  double liveBytes = 0, liveObjects = 0, allocBytes = 0, allocObjects = 0;
  std::uint64_t rawLive = 0;
};
Estimate readEstimate();

// An expectation and the law's variance around it, from the objects themselves.
struct Truth {
  double liveBytes = 0, allocBytes = 0;
  double liveVariance = 0, allocVariance = 0;
};

// The sizes are the allocated ones: what the law is about.
struct Population {
  std::uint64_t size;      // requested
  std::uint64_t interval;  // T
  std::size_t count;       // live objects
};

struct Outcome {
  std::vector<double> live, alloc;  // one estimate a round
  std::vector<Truth> truth;
  bool cleanAfterEachRound = true;  // no sample outlived its object
};

// Each round allocates `count` objects, has a quarter freed by another thread and a quarter here, allocates
// as many again (so that memory and slots are used anew), and is estimated; then half is freed on another
// thread, half here.
Outcome runRounds(const Population& population, int rounds);

// The allocated size that a request of `size` gets when nothing else lives.
std::uint64_t allocatedSize(std::uint64_t size);

// Starts over with a fixed HEAPPROF=seed=..., which is read once, before main; one that is set already is
// kept.
int lawMain(int argc, char** argv);

}  // namespace heapprof::sampling::tests
