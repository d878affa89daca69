// The arithmetic of Poisson sampling by bytes: an object of s bytes is sampled with probability 1 -
// exp(-s/T).
//
// Invariant: T = 1 means every object, exactly; elsewhere the results agree with libm's within a few units in
// the last place (tested). Written out here because libm would be one more shared library inside other
// people's processes. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/random.h"

namespace heapprof::sampling {

// Natural logarithm of a finite x > 0.
double naturalLog(double x) noexcept;

// 1 - exp(-x) for x >= 0, without cancellation for small x.
double oneMinusExp(double x) noexcept;

// p(s); 1 where T <= 1. T = 0 (sampling off) gives 0.
double sampleProbability(std::uint64_t size, std::uint64_t interval) noexcept;

// What one sampled object stands for, and its share of the variance of the sums it enters.
struct Weight {
  double objects;   // 1/p
  double variance;  // (1-p)/p^2, to be multiplied by the square of the object's figure
};
Weight weightOf(std::uint64_t size, std::uint64_t interval) noexcept;

}  // namespace heapprof::sampling
