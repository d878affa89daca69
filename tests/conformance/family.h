// The malloc family as the tests call it: one table of functions, filled in by family_prefixed.cpp with the
// hp_ names of heapprof_alloc, and by family_real.cpp with the real names, which LD_PRELOAD or the linker
// decides about.
//
// Invariant: calls go through pointers the compiler cannot see through, so that no pair of malloc and free is
// optimised away and no attribute of a declaration is believed. Constant; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <malloc.h>

namespace heapprof::conformance {

struct Family {
  const char* name;    // for messages: "heapprof_alloc", "libheapprof.so", "glibc"
  bool isOurs;         // false: the host's allocator, against which the tests themselves are validated
  bool replacesGlibc;  // libc's own calls land in the family too

  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*reallocarray)(void*, std::size_t, std::size_t);
  int (*posixMemalign)(void**, std::size_t, std::size_t);
  void* (*alignedAlloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  std::size_t (*usableSize)(void*);
  void (*cfree)(void*);                                       // null where the host has none
  void (*freeSized)(void*, std::size_t);                      // null where the host has none
  void (*freeAlignedSized)(void*, std::size_t, std::size_t);  // null where the host has none
  int (*trim)(std::size_t);
  int (*mallopt)(int, int);
  struct mallinfo2 (*mallinfo2)();
  int (*mallocInfo)(int, FILE*);

  void* (*opNew)(std::size_t);
  void* (*opNewArray)(std::size_t);
  void* (*opNewNothrow)(std::size_t);
  void* (*opNewArrayNothrow)(std::size_t);
  void* (*opNewAligned)(std::size_t, std::size_t);
  void* (*opNewArrayAligned)(std::size_t, std::size_t);
  void* (*opNewAlignedNothrow)(std::size_t, std::size_t);
  void* (*opNewArrayAlignedNothrow)(std::size_t, std::size_t);
  void (*opDelete)(void*);
  void (*opDeleteArray)(void*);
  void (*opDeleteSized)(void*, std::size_t);
  void (*opDeleteArraySized)(void*, std::size_t);
  void (*opDeleteNothrow)(void*);
  void (*opDeleteArrayNothrow)(void*);
  void (*opDeleteAligned)(void*, std::size_t);
  void (*opDeleteArrayAligned)(void*, std::size_t);
  void (*opDeleteSizedAligned)(void*, std::size_t, std::size_t);
  void (*opDeleteArraySizedAligned)(void*, std::size_t, std::size_t);
  void (*opDeleteAlignedNothrow)(void*, std::size_t);
  void (*opDeleteArrayAlignedNothrow)(void*, std::size_t);

  // Changes the mean sampling interval, 0: off. Null where the family cannot sample.
  void (*setInterval)(std::uint64_t bytes);
};

const Family& family() noexcept;

}  // namespace heapprof::conformance
