// The allocator behind the fast paths: everything that malloc, free and their kin do when a bin is empty, a
// size is large, a pointer is not the caller's own.
//
// Invariant: on failure null and errno ENOMEM; frees preserve errno. `frame` is the frame address of the
// public function that the program called, for the sampler's stack. Threads: any.
#pragma once

#include <cstddef>

#include "runtime/sampling/sampler.h"

namespace heapprof::heap {

struct Request {
  std::size_t bytes;
  std::size_t alignment;  // 0: none asked for
  sampling::Kind kind;
  bool zero;
  const void* frame;
};

// Reserves address space and the first tables; called by the constructor, else by the first allocation.
bool initialise() noexcept;

void* allocate(const Request& request) noexcept;
// The object's granule is the slab's, and of the first region: not the caller's own, or sampled, or large.
struct Slab;
void deallocateIn(Slab* slab, void* pointer) noexcept;
// Any pointer at all: null, foreign, of whatever region.
void deallocateElsewhere(void* pointer) noexcept;
void* reallocate(void* pointer, std::size_t bytes, const void* frame) noexcept;
std::size_t usableSize(const void* pointer) noexcept;  // 0 for null and foreign ones

// The owner's free made a countdown end.
void countdownEnded(Slab* slab) noexcept;

// Gives back what is free: this thread's caches, the pool's, then all free pages. Returns bytes advised.
std::size_t releaseFreeMemory() noexcept;

void prepareFork() noexcept;
void parentAfterFork() noexcept;
void childAfterFork() noexcept;

}  // namespace heapprof::heap
