// How much free memory is worth keeping: what the recent past had in use at once, and a little more.
//
// Invariant: highest(n) is the highest number of granules in use within the last n windows (of kWindowNanos,
// or longer: cover()), the one that runs included; target() is that of all windows, plus 5/32 and a fixed
// slack. Neither lies below what is in use now. Owner: pages.cpp, under the page lock. (5/32: buffers of 5-25
// MiB then fault 1.2 times what they must, at a peak 1.05 times that of the allocator that gives everything
// back at once.)
#pragma once

#include <cstdint>

#include "runtime/pages/granule.h"

namespace heapprof::pages {

class Demand {
 public:
  static constexpr std::uint64_t kWindowNanos = 250'000'000;
  static constexpr std::uint64_t kWindows = 16;

  // All windows together reach at least so far back; before the first note(), or what was noted is forgotten.
  void cover(std::uint64_t nanos) noexcept {
    const std::uint64_t wanted = nanos / (kWindows - 1) + 1;
    const std::uint64_t window = wanted > kWindowNanos ? wanted : kWindowNanos;
    if (window == windowNanos()) return;
    *this = Demand();
    beyondNanos_ = window - kWindowNanos;
  }
  // Windows that together reach so far back, whatever the moment.
  std::uint64_t windowsFor(std::uint64_t nanos) const noexcept {
    return (nanos + windowNanos() - 1) / windowNanos() + 1;
  }

  void note(std::uint64_t nowNanos, std::uint64_t usedGranules) noexcept {
    const std::uint64_t window = nowNanos / windowNanos();
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
  std::uint64_t highest(std::uint64_t windows) const noexcept {
    std::uint64_t most = last_;
    if (windows > kWindows) windows = kWindows;
    for (std::uint64_t i = 0; i < windows; ++i) {
      const std::uint64_t peak = peaks_[(window_ - i) % kWindows];
      most = peak > most ? peak : most;
    }
    return most;
  }
  std::uint64_t target() const noexcept {
    const std::uint64_t most = highest(kWindows);
    return most + most * 5 / 32 + kSlackGranules;
  }

 private:
  std::uint64_t windowNanos() const noexcept { return kWindowNanos + beyondNanos_; }

  static constexpr std::uint64_t kSlackGranules = (std::uint64_t{4} << 20) >> kGranuleShift;
  std::uint64_t peaks_[kWindows] = {};
  std::uint64_t beyondNanos_ = 0;  // of a window's length: what nobody has set is all zero (book.h)
  std::uint64_t window_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace heapprof::pages
