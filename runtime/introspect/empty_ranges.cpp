#include "runtime/introspect/empty_ranges.h"

#include <cstring>

namespace heapprof::introspect {

std::size_t EmptyRanges::firstThatEndsAfter(std::uintptr_t address) const noexcept {
  std::size_t low = 0;
  for (std::size_t high = count_; low < high;) {
    const std::size_t middle = (low + high) / 2;
    if (ranges_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::uintptr_t EmptyRanges::endAround(std::uintptr_t address) const noexcept {
  const std::size_t at = firstThatEndsAfter(address);
  return at < count_ && ranges_[at].start <= address ? ranges_[at].end : 0;
}

void EmptyRanges::add(std::uintptr_t start, std::uintptr_t end) noexcept {
  const std::size_t at = firstThatEndsAfter(start);
  if (at < count_ && ranges_[at].start < end) {
    end = ranges_[at].start;
  }
  const bool joinsBefore = at > 0 && ranges_[at - 1].end == start;
  const bool joinsAfter = at < count_ && ranges_[at].start == end;
  if (joinsBefore && joinsAfter) {
    ranges_[at - 1].end = ranges_[at].end;
    std::memmove(ranges_ + at, ranges_ + at + 1, (--count_ - at) * sizeof(Range));
  } else if (joinsBefore) {
    ranges_[at - 1].end = end;
  } else if (joinsAfter) {
    ranges_[at].start = start;
  } else if (count_ < kMost) {
    std::memmove(ranges_ + at + 1, ranges_ + at, (count_++ - at) * sizeof(Range));
    ranges_[at] = Range{start, end};
  }
}

}  // namespace heapprof::introspect
