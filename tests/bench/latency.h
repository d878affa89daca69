// Time of single calls: the processor's counter, and histograms of it that allocate nothing.
// A histogram has 32 buckets for each doubling (a figure is at most 3% off) in a mapping of its own; one
// thread owns it.
#pragma once

#include <algorithm>

#include "tests/bench/bench.h"

namespace bench {

// Ordered against the work before and after it, so that what is timed stays between two readings.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
  std::uint32_t low, high;
  asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
  return std::uint64_t{high} << 32 | low;
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(value)::"memory");
  return value;
#else
#error "no counter known for this processor"
#endif
}

// How long a tick is, from two readings of both clocks, as far apart as the measurement itself.
class TickLength {
 public:
  TickLength() : ticks_(ticks()), seconds_(now()) {}
  double nanoseconds() const { return (now() - seconds_) * 1e9 / static_cast<double>(ticks() - ticks_); }

 private:
  std::uint64_t ticks_;
  double seconds_;
};

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[index(value)];
    ++count_;
    max_ = std::max(max_, value);
  }
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  // The largest value of the bucket at which so many of a million values are reached.
  std::uint64_t at(std::uint64_t perMillion) const {
    const std::uint64_t wanted = (count_ * perMillion + 999999) / 1000000;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen >= wanted) return std::min(max_, largestOf(i));
    }
    return max_;
  }
  // " NAME_n=.. NAME_p50=.. .. NAME_max=.." in nanoseconds.
  void print(const char* name, double tick) const {
    std::printf(" %s_n=%.0f", name, static_cast<double>(count_));
    constexpr struct {
      const char* label;
      std::uint64_t perMillion;
    } kMarks[] = {{"p50", 500000}, {"p99", 990000}, {"p999", 999000}, {"p9999", 999900}};
    for (const auto& mark : kMarks)
      std::printf(" %s_%s=%.0f", name, mark.label, static_cast<double>(at(mark.perMillion)) * tick);
    std::printf(" %s_max=%.0f", name, static_cast<double>(max_) * tick);
  }

 private:
  static constexpr unsigned kSubBits = 5;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static std::size_t index(std::uint64_t value) {
    if (value >> kSubBits == 0) return static_cast<std::size_t>(value);
    const unsigned shift = 63u - static_cast<unsigned>(__builtin_clzll(value)) - kSubBits;
    return static_cast<std::size_t>((std::uint64_t{shift + 1} << kSubBits) + (value >> shift) -
                                    (1u << kSubBits));
  }
  static std::uint64_t largestOf(std::size_t index) {
    if (index >> kSubBits == 0) return index;
    const unsigned shift = static_cast<unsigned>(index >> kSubBits) - 1;
    const std::uint64_t mantissa = (index & ((1u << kSubBits) - 1)) + (1u << kSubBits);
    return ((mantissa + 1) << shift) - 1;
  }

  std::uint64_t buckets_[kBuckets];
  std::uint64_t count_;
  std::uint64_t max_;
};

}  // namespace bench
