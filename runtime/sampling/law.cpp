#include "runtime/sampling/law.h"

#include <bit>

#include "runtime/sampling/sampler.h"

namespace heapprof::sampling {
namespace {

// ln 2 in two parts: the first has trailing zero bits, so that its product with an exponent is exact.
constexpr double kLn2High = 0x1.62e42fefa0000p-1;
constexpr double kLn2Low = 0x1.cf79abc9e3b39p-40;

// (atanh(s)/s - 1)/s^2 as a polynomial in s^2, for |s| <= 0.1716: through its values at the eight Chebyshev
// points. 1/3, 1/5, 1/7, ... but for what the terms left out add.
constexpr int kTerms = 8;
constexpr double kSeries[kTerms] = {0x1.5555555555555p-2, 0x1.9999999999a38p-3, 0x1.2492492476b68p-3,
                                    0x1.c71c7201806e4p-4, 0x1.745cf8f423520p-4, 0x1.3b1c38d73bbacp-4,
                                    0x1.0fbe387aa7b21p-4, 0x1.0c076c65d8528p-4};

// Beyond this many expected samples per object p is 1 in a double, and a drawn exponential (from 53 bits)
// never exceeds it.
constexpr double kCertain = 40;

}  // namespace

// x = 2^k m with m in [1/sqrt 2, sqrt 2); log m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716: the series
// leaves less than 1e-18.
[[gnu::always_inline]] static inline double logarithm(double x) noexcept {
  auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (mantissa > 0x1.6a09e667f3bcdp+0) {
    mantissa *= 0.5;
    ++exponent;
  }
  const double f = mantissa - 1;  // exact
  const double s = f / (2 + f);
  const double square = s * s;
  const double fourth = square * square;
  // Two chains, so that each multiplication need not wait for the one before.
  double even = kSeries[kTerms - 2];
  double odd = kSeries[kTerms - 1];
#pragma GCC unroll 3
  for (int i = kTerms - 4; i >= 0; i -= 2) {
    even = even * fourth + kSeries[i];
    odd = odd * fourth + kSeries[i + 1];
  }
  const double tail = square * (even + square * odd);
  // log m = 2s + 2s*tail, and 2s = f - f*s keeps the leading term exact.
  const double correction = s * (2 * tail - f);
  const double k = exponent;
  return k * kLn2High + (f + (correction + k * kLn2Low));
}

double naturalLog(double x) noexcept {
  return logarithm(x);
}

// exp(-x) = 2^-n exp(-r), |r| <= ln2/2; Taylor to the sixteenth power leaves less than 1e-21.
double oneMinusExp(double x) noexcept {
  if (x >= kCertain) return 1;
  const double n = static_cast<double>(static_cast<int>(x * 1.4426950408889634 + 0.5));
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double sum = 0;
  for (int k = 16; k >= 2; --k) sum = (1 - sum) * (r / k);  // sum = r/2 - r^2/6 + ...
  const double fraction = r * (1 - sum);                    // 1 - exp(-r)
  const double scale = std::bit_cast<double>(static_cast<std::uint64_t>(1023 - static_cast<int>(n)) << 52);
  return (1 - scale) + scale * fraction;
}

double sampleProbability(std::uint64_t size, std::uint64_t interval) noexcept {
  if (interval == 0) return 0;
  if (interval == 1) return 1;
  return oneMinusExp(static_cast<double>(size) / static_cast<double>(interval));
}

Weight weightOf(std::uint64_t size, std::uint64_t interval) noexcept {
  const double p = sampleProbability(size, interval);
  if (p <= 0) return {0, 0};
  return {1 / p, (1 - p) / (p * p)};
}

// floor(E T/s) with E exponential: P(result >= k) = P(E >= k s/T) = exp(-s/T)^k = (1-p)^k, the geometric law
// itself. No logarithm of 1-p is taken, so nothing is lost for tiny p.
std::uint64_t objectsUntilSample(base::Random& random, std::size_t size, std::uint64_t interval) noexcept {
  if (interval == 0) return kNever;
  if (interval == 1) return 0;
  // Whole numbers below 2^63, which is one instruction each way, unlike the unsigned.
  const auto ratio = static_cast<double>(static_cast<std::int64_t>(interval)) /
                     static_cast<double>(static_cast<std::int64_t>(size));
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(-logarithm(random.unit()) * ratio));
}

bool drawLarge(base::Random& random, std::size_t size, std::uint64_t interval) noexcept {
  if (interval == 0) return false;
  if (interval == 1) return true;
  const double objects = static_cast<double>(size) / static_cast<double>(interval);
  return objects >= kCertain || -naturalLog(random.unit()) < objects;
}

}  // namespace heapprof::sampling
