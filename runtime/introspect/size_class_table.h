// The size classes during one dump: the heap's counts, what the kernel says is resident of them, and the
// estimate of what programs asked for.
//
// Invariant: rows are in rising order of size; find() is exact (an object's allocated size is its class
// size). Bounded by kMaxClasses. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/heap/inspect.h"

namespace heapprof::introspect {

// Sums over live samples with allocated size a, requested size q, weight w = 1/p and v = (1-p)/p^2.
struct RequestSums {
  double samples = 0;
  double weight = 0;                 // sum w: estimates the live objects
  double requested = 0;              // sum w q
  double slack = 0;                  // sum w (a - q)
  double allocated = 0;              // sum w a
  double vqq = 0, vqa = 0, vaa = 0;  // sums v q^2, v q a, v a^2
  double v = 0;                      // sum v: variance of `weight`
};

struct ClassFigures {
  heap::ClassRow row{};
  std::uint64_t previousSize = 0;  // of the next smaller class: a request is above it
  std::uint64_t residentBytes = 0;
  double liveResidentBytes = 0;
  RequestSums nominal;        // of sizes as they are
  RequestSums resident;       // of the resident part of each sampled object
  double requestedBytes = 0;  // estimate, of all live objects, resident or not
  double requestedStderr = 0;
};

class SizeClassTable {
 public:
  static constexpr std::size_t kMaxClasses = 512;
  void load(ClassFigures* storage) noexcept;  // kMaxClasses entries
  std::size_t size() const noexcept { return size_; }
  ClassFigures& operator[](std::size_t i) noexcept { return rows_[i]; }
  const ClassFigures& operator[](std::size_t i) const noexcept { return rows_[i]; }
  ClassFigures* find(std::uint64_t objectSize) noexcept;

 private:
  ClassFigures* rows_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace heapprof::introspect
