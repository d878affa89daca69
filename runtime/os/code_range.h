// Where code lies that other parts must tell apart: libc's, ld.so's, our own library's.
//
// Invariant: asked for where it is needed, since most processes never need it; the same at every call. An
// unknown range is empty. In a program that has us linked in, our code cannot be told from the program's and
// is unknown; in one that is linked statically, so is libc's. Takes no lock of ld.so's. Threads: any.
#pragma once

#include <cstdint>

namespace heapprof::os {

struct CodeRange {
  std::uintptr_t start = 0, end = 0;
  bool holds(std::uintptr_t address) const noexcept { return address - start < end - start; }
  bool known() const noexcept { return end != 0; }
};

bool isLoadersOrLibcs(std::uintptr_t address) noexcept;
CodeRange ourCode() noexcept;  // unknown where it is not a library of its own

}  // namespace heapprof::os
