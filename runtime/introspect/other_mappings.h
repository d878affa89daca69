// Resident bytes of mappings that are not ours: code, stacks, files, the program's own mmaps. Counted page by
// page over /proc/self/maps minus the heap's region and every metadata mapping (the kernel may show one of
// ours and a neighbour as one mapping, so ranges are cut, not matched).
//
// Invariant: hugetlb mappings are left out, as they are from RSS; unknown when the list or a page map cannot
// be read. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/introspect/dump_memory.h"
#include "runtime/introspect/kernel_truth.h"
#include "runtime/introspect/memory_map.h"
#include "runtime/introspect/process_figures.h"

namespace heapprof::introspect {

class OtherMappings {
 public:
  void prepare(
      DumpMemory& memory) noexcept;  // takes its memory, so that measure() changes nothing it measures
  void measure(KernelTruth& truth, Figure* out) noexcept;

 private:
  struct Range {
    std::uintptr_t start;
    std::uintptr_t end;
  };
  void addOwn(std::uintptr_t start, std::uintptr_t end) noexcept;
  void visit(const MapEntry& entry) noexcept;

  static constexpr std::size_t kSpareRanges = 64;
  char* buffer_ = nullptr;
  Range* own_ = nullptr;  // sorted
  std::size_t ownCount_ = 0;
  std::size_t ownCapacity_ = 0;
  bool complete_ = true;
  KernelTruth* truth_ = nullptr;
  PageBytes pages_;
};

}  // namespace heapprof::introspect
