// How much free memory is worth keeping: what the recent past had in use at once, and a little more.
//
// Invariant: target() is the highest number of granules in use within the last kWindows windows of
// kWindowNanos, plus 5/32 and a fixed slack; it never lies below what is in use now. Owner: pages.cpp, under
// the page lock. (5/32: buffers of 5-25 MiB then fault 1.2 times what they must, at a peak 1.05 times that of
// the allocator that gives everything back at once.)
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

class Demand {
 public:
  void note(std::uint64_t nowNanos, std::uint64_t usedGranules) noexcept {
    const std::uint64_t window = nowNanos / kWindowNanos;
    if (window != window_) {
      // Windows that passed without a call had what was in use at the last one.
      const std::uint64_t missed = window - window_ < kWindows ? window - window_ : kWindows;
      for (std::uint64_t i = 0; i < missed; ++i) peaks_[(window - i) % kWindows] = last_;
      window_ = window;
    }
    std::uint64_t& peak = peaks_[window % kWindows];
    if (usedGranules > peak) peak = usedGranules;
    last_ = usedGranules;
  }
  std::uint64_t target() const noexcept {
    std::uint64_t highest = last_;
    for (const std::uint64_t peak : peaks_) highest = peak > highest ? peak : highest;
    return highest + highest * 5 / 32 + kSlackGranules;
  }

 private:
  static constexpr std::uint64_t kWindowNanos = 500'000'000;
  static constexpr std::uint64_t kWindows = 8;
  static constexpr std::uint64_t kSlackGranules = (std::uint64_t{4} << 20) >> kGranuleShift;
  std::uint64_t peaks_[kWindows] = {};
  std::uint64_t window_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace heapprof::pages
