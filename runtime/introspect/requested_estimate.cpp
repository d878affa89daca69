#include "runtime/introspect/requested_estimate.h"

namespace heapprof::introspect {

void addSample(RequestSums* sums, sampling::Weight weight, double allocated, double requested) noexcept {
  const double w = weight.objects;
  const double v = weight.variance;
  const double a = allocated;
  const double q = requested < allocated ? requested : allocated;
  sums->samples += 1;
  sums->weight += w;
  sums->requested += w * q;
  sums->slack += w * (a - q);
  sums->allocated += w * a;
  sums->vqq += v * q * q;
  sums->vqa += v * q * a;
  sums->vaa += v * a * a;
  sums->v += v;
}

Estimate estimateRequested(const RequestSums& sums, double objects, double liveBytes,
                           double smallest) noexcept {
  if (objects <= 0 || liveBytes <= 0) {
    return {};
  }
  const double size = liveBytes / objects;
  const double low = smallest < size ? smallest : size;
  const double spread = (size - low) * (size - low) / 12;  // variance of a uniform request
  if (!(sums.allocated > 0)) {
    return Estimate{objects * (low + size) / 2, objects * objects * spread};
  }
  const double ratio = sums.requested / sums.allocated;
  const double scale = liveBytes / sums.allocated;
  double residual = sums.vqq - 2 * ratio * sums.vqa + ratio * ratio * sums.vaa;
  residual = residual > 0 ? residual : 0;
  Estimate out{liveBytes * ratio, scale * scale * residual};
  // Few samples say little about their own spread: one pseudo-sample of the prior, which a hundred real ones
  // drown.
  const double certain = sums.weight > 0 ? sums.v / (sums.weight * sums.weight / sums.samples) : 0;  // ~ 1-p
  out.variance += objects * objects * spread * certain / (sums.samples * sums.samples);
  const double unseen = objects - sums.weight - 3 * squareRoot(sums.v);
  if (unseen > 0) {
    out.variance += unseen * unseen * spread;
  }
  return out;
}

double estimateSlack(const RequestSums& sums, double objects, double liveBytes, double smallest) noexcept {
  if (objects <= 0 || liveBytes <= 0) {
    return 0;
  }
  if (!(sums.allocated > 0)) {
    const double size = liveBytes / objects;
    return smallest < size ? objects * (size - smallest) / 2 : 0;
  }
  return liveBytes * sums.slack / sums.allocated;
}

double squareRoot(double x) noexcept {
  if (!(x > 0)) {
    return 0;
  }
  // Halving the exponent gives a first guess within 10%; each Newton step doubles the number of right digits.
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &x, sizeof bits);
  bits = (bits >> 1) + (std::uint64_t{0x3ff} << 51);
  double guess = 0;
  __builtin_memcpy(&guess, &bits, sizeof guess);
  for (int i = 0; i < 5; ++i) {
    guess = (guess + x / guess) / 2;
  }
  return guess;
}

}  // namespace heapprof::introspect
