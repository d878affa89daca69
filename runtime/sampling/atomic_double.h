// Sums of doubles that many threads add to. Relaxed: the sums order nothing; readers take them as they are.
#pragma once

#include <atomic>

namespace heapprof::sampling {

// Gives the value after the addition.
inline double addDouble(std::atomic<double>& sum, double delta) noexcept {
  double old = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(old, old + delta, std::memory_order_relaxed)) {
  }
  return old + delta;
}

// True where `value` was larger than what stood there.
inline bool raiseDouble(std::atomic<double>& maximum, double value) noexcept {
  double old = maximum.load(std::memory_order_relaxed);
  while (value > old) {
    if (maximum.compare_exchange_weak(old, value, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace heapprof::sampling
