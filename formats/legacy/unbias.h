// What a sampled record stands for, as jeprof and pprof estimate it. A sampler that picks a byte out of every
// R on average sees an allocation of S bytes with probability 1 - exp(-S/R); a record of C objects and S
// bytes stands for C / p and S / p with the mean size S/C. (Older tcmalloc drew uniformly: C and S grow to
// the mean distance between samples where they are below it.) Header only, pure.
#pragma once

#include <cmath>
#include <cstdint>

namespace heapprof::formats {

enum class Sampling { kNone, kUniform, kPoisson };

struct Sampler {
  Sampling how = Sampling::kNone;
  double meanBytes = 0;  // between samples
};

struct Estimate {
  double objects = 0, bytes = 0;
};

inline Estimate unbiased(const Sampler& sampler, std::int64_t objects, std::int64_t bytes) {
  const Estimate recorded{static_cast<double>(objects), static_cast<double>(bytes)};
  if (sampler.how == Sampling::kNone || objects == 0 || bytes == 0) return recorded;
  const double ratio = recorded.bytes / recorded.objects / sampler.meanBytes;
  double scale = 1;
  if (sampler.how == Sampling::kPoisson) {
    scale = 1 / -std::expm1(-ratio);
  } else if (ratio < 1) {
    scale = 1 / ratio;
  }
  if (!std::isfinite(scale) || scale < 0) return recorded;
  return {recorded.objects * scale, recorded.bytes * scale};
}

// Whole numbers whose running sum is the exact one's, rounded: rounding each record by itself would move the
// total by half a unit a record, and counts of 1.4 would all become 1.
class CarriedRounding {
 public:
  std::int64_t next(double value) {
    exact_ += value;
    const double rounded = std::nearbyint(exact_);
    if (!(std::fabs(rounded) < 4e18)) return 0;  // no honest file comes near
    const std::int64_t step = static_cast<std::int64_t>(rounded) - given_;
    given_ += step;
    return step;
  }

 private:
  double exact_ = 0;
  std::int64_t given_ = 0;
};

}  // namespace heapprof::formats
