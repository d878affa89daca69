// What operator new does when there is no memory: the new handler, then std::bad_alloc or null, as the C++
// standard says.
//
// Invariant: our library needs no C++ runtime. What only that can do (hand out the new handler, throw, catch)
// is looked up, or referred to weakly, and found in programs that have one; a program without one cannot have
// called a C++ operator in vain: then one line and abort. Threads: any.
#pragma once

#include "runtime/heap/allocator.h"

namespace heapprof::entry {

void* allocateOrThrow(const heap::Request& request);
void* allocateOrNull(const heap::Request& request) noexcept;

}  // namespace heapprof::entry
