// Address ranges in which the kernel had no page, so that no walk of a dump asks for them again: each
// question takes the lock of the address space, and of 1 TiB that was never touched there is one for each
// GiB.
//
// Invariant: sorted, apart from each other (neighbours are merged), at most kMost; what does not fit is
// forgotten, which costs questions only. What the program touches meanwhile is not seen until clear(): a
// dump's tables agree with each other. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

class EmptyRanges {
 public:
  static constexpr std::size_t kMost = 512;

  void clear() noexcept { count_ = 0; }
  // `start` is in none that is known; what is known already, and what is behind it, is left out.
  void add(std::uintptr_t start, std::uintptr_t end) noexcept;
  // The end of the range that `address` is in; 0: in none.
  std::uintptr_t endAround(std::uintptr_t address) const noexcept;

 private:
  struct Range {
    std::uintptr_t start;
    std::uintptr_t end;
  };
  std::size_t firstThatEndsAfter(std::uintptr_t address) const noexcept;

  Range ranges_[kMost];
  std::size_t count_ = 0;
};

}  // namespace heapprof::introspect
