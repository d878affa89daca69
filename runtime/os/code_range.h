// Where code lies that other parts must tell apart: libc's, ld.so's, our own library's.
//
// Invariant: learnt once by the constructor, then constant; an unknown range is empty. In a program that was
// linked statically, or that has us linked in, our code cannot be told from the program's: `isOurOwn` is
// false.
#pragma once

#include <cstdint>

namespace heapprof::os {

struct CodeRange {
  std::uintptr_t start = 0, end = 0;
  bool holds(std::uintptr_t address) const noexcept { return address - start < end - start; }
  bool known() const noexcept { return end != 0; }
};

void learnCodeRanges() noexcept;
const CodeRange& libcCode() noexcept;
const CodeRange& loaderCode() noexcept;
const CodeRange& ourCode() noexcept;  // unknown where it is not a library of its own

}  // namespace heapprof::os
