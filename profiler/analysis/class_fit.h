// Better size classes for a program's own sizes: for a fixed number of classes, those that round up least.
//
// Dynamic programming over the histogram; the cost of a class is its size times the objects that it serves,
// which satisfies the quadrangle inequality, so each row of the table is filled by divide and conquer:
// O(classes x sizes x log sizes).
//
// Invariant: every proposed size is a size that occurs, rounded up to kAlign; the largest is always among
// them.
#pragma once

#include <cstdint>
#include <vector>

namespace heapprof::analysis {

inline constexpr std::uint64_t kSizeAlign = 16;

struct SizeBin {
  std::uint64_t size = 0;  // multiple of kSizeAlign
  double objects = 0;
};

// Bins sorted by size, each once. At most `classes` sizes, rising.
std::vector<std::uint64_t> fitClasses(const std::vector<SizeBin>& bins, std::size_t classes);

// Bytes of slots that the bins take under these classes; a bin above the largest one takes its own size.
double slotBytes(const std::vector<SizeBin>& bins, const std::vector<std::uint64_t>& classes);

}  // namespace heapprof::analysis
