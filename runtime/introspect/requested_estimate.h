// How much of the live bytes programs asked for, estimated from the live samples, per size class and for
// large objects.
//
// For a class with N live objects (counted, not sampled) of size a:
//   requested = N a r,   r = sum(w q) / sum(w a) over its live samples          (ratio estimator)
//   variance  = (N a / sum(w a))^2 * sum v (q - r a)^2,  v = (1-p)/p^2          (Poisson sampling)
// plus a prior where samples are few: a request lies above the next smaller class and is at most a, so
// without any sample it is the middle of that range, with the variance of a uniform distribution over it.
// Objects that no sample can stand for, because they were there before sampling began, get the prior's
// variance too. Invariant: the counts come from the heap's books, never from samples. One thread.
#pragma once

#include <cstdint>

#include "runtime/introspect/size_class_table.h"
#include "runtime/sampling/law.h"

namespace heapprof::introspect {

struct Estimate {
  double value = 0;
  double variance = 0;
};

// Adds one live sample that stands for weight.objects objects like it.
void addSample(RequestSums* sums, sampling::Weight weight, double allocated, double requested) noexcept;

// `liveBytes` = N a of the class (or of all large objects, with `objects` of them); `smallest` is the lower
// end of the range of a request that ends in this class, per object.
Estimate estimateRequested(const RequestSums& sums, double objects, double liveBytes,
                           double smallest) noexcept;

// The other part of the same objects, by the samples' own slack: N a s, s = sum(w (a - q)) / sum(w a). Both
// are parts of the same counted bytes, so it errs by what estimateRequested() errs, the other way.
double estimateSlack(const RequestSums& sums, double objects, double liveBytes, double smallest) noexcept;

double squareRoot(double x) noexcept;  // libm would be one more library

}  // namespace heapprof::introspect
