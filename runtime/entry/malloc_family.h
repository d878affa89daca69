// Every function with which programs ask for memory, under our own names. The sources use the hp_ names only;
// in libheapprof.so an assembler label gives each its real name ("malloc", "_Znwm"), in heapprof_alloc
// (HEAPPROF_PREFIXED, for tests and sanitizers) they keep the hp_ names and replace nothing.
//
// Contract: as POSIX, C23 and glibc say, errno included; free preserves errno. malloc(0) is unique and
// freeable. Sizes above PTRDIFF_MAX fail with ENOMEM. hp_new... calls the new handler and throws
// std::bad_alloc; ..._nothrow gives null. Threads: all may be called from any thread, at any time from
// ld.so's first call to the last after exit().
#pragma once

#include <cstddef>
#include <cstdio>
#include <malloc.h>

#if defined(HEAPPROF_PREFIXED)
#define HEAPPROF_ENTRY(name)
#else
#define HEAPPROF_ENTRY(name) __asm__(name) __attribute__((visibility("default")))
#endif

extern "C" {
void* hp_malloc(std::size_t bytes) noexcept HEAPPROF_ENTRY("malloc");
void hp_free(void* pointer) noexcept HEAPPROF_ENTRY("free");
void* hp_calloc(std::size_t count, std::size_t bytes) noexcept HEAPPROF_ENTRY("calloc");
void* hp_realloc(void* pointer, std::size_t bytes) noexcept HEAPPROF_ENTRY("realloc");
void* hp_reallocarray(void* pointer, std::size_t count, std::size_t bytes) noexcept
    HEAPPROF_ENTRY("reallocarray");
int hp_posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept
    HEAPPROF_ENTRY("posix_memalign");
void* hp_aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept HEAPPROF_ENTRY("aligned_alloc");
void* hp_memalign(std::size_t alignment, std::size_t bytes) noexcept HEAPPROF_ENTRY("memalign");
void* hp_valloc(std::size_t bytes) noexcept HEAPPROF_ENTRY("valloc");
void* hp_pvalloc(std::size_t bytes) noexcept HEAPPROF_ENTRY("pvalloc");
std::size_t hp_malloc_usable_size(void* pointer) noexcept HEAPPROF_ENTRY("malloc_usable_size");
void hp_cfree(void* pointer) noexcept HEAPPROF_ENTRY("cfree");
void hp_free_sized(void* pointer, std::size_t bytes) noexcept HEAPPROF_ENTRY("free_sized");
void hp_free_aligned_sized(void* pointer, std::size_t alignment, std::size_t bytes) noexcept
    HEAPPROF_ENTRY("free_aligned_sized");

int hp_malloc_trim(std::size_t pad) noexcept HEAPPROF_ENTRY("malloc_trim");
int hp_mallopt(int parameter, int value) noexcept HEAPPROF_ENTRY("mallopt");
struct mallinfo hp_mallinfo() noexcept HEAPPROF_ENTRY("mallinfo");
// glibc 2.33 brought the struct; the symbol is ours, so older programs do not mind.
struct mallinfo2 hp_mallinfo2() noexcept HEAPPROF_ENTRY("mallinfo2");
int hp_malloc_info(int options, FILE* stream) noexcept HEAPPROF_ENTRY("malloc_info");
void hp_malloc_stats() noexcept HEAPPROF_ENTRY("malloc_stats");

// operator new and delete. size_t is `unsigned long` ("m") on both architectures.
void* hp_new(std::size_t bytes) HEAPPROF_ENTRY("_Znwm");
void* hp_new_array(std::size_t bytes) HEAPPROF_ENTRY("_Znam");
void* hp_new_nothrow(std::size_t bytes, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZnwmRKSt9nothrow_t");
void* hp_new_array_nothrow(std::size_t bytes, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZnamRKSt9nothrow_t");
void* hp_new_aligned(std::size_t bytes, std::size_t alignment) HEAPPROF_ENTRY("_ZnwmSt11align_val_t");
void* hp_new_array_aligned(std::size_t bytes, std::size_t alignment) HEAPPROF_ENTRY("_ZnamSt11align_val_t");
void* hp_new_aligned_nothrow(std::size_t bytes, std::size_t alignment, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZnwmSt11align_val_tRKSt9nothrow_t");
void* hp_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment,
                                   const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZnamSt11align_val_tRKSt9nothrow_t");

void hp_delete(void* pointer) noexcept HEAPPROF_ENTRY("_ZdlPv");
void hp_delete_array(void* pointer) noexcept HEAPPROF_ENTRY("_ZdaPv");
void hp_delete_sized(void* pointer, std::size_t bytes) noexcept HEAPPROF_ENTRY("_ZdlPvm");
void hp_delete_array_sized(void* pointer, std::size_t bytes) noexcept HEAPPROF_ENTRY("_ZdaPvm");
void hp_delete_nothrow(void* pointer, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZdlPvRKSt9nothrow_t");
void hp_delete_array_nothrow(void* pointer, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZdaPvRKSt9nothrow_t");
void hp_delete_aligned(void* pointer, std::size_t alignment) noexcept HEAPPROF_ENTRY("_ZdlPvSt11align_val_t");
void hp_delete_array_aligned(void* pointer, std::size_t alignment) noexcept
    HEAPPROF_ENTRY("_ZdaPvSt11align_val_t");
void hp_delete_sized_aligned(void* pointer, std::size_t bytes, std::size_t alignment) noexcept
    HEAPPROF_ENTRY("_ZdlPvmSt11align_val_t");
void hp_delete_array_sized_aligned(void* pointer, std::size_t bytes, std::size_t alignment) noexcept
    HEAPPROF_ENTRY("_ZdaPvmSt11align_val_t");
void hp_delete_aligned_nothrow(void* pointer, std::size_t alignment, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZdlPvSt11align_val_tRKSt9nothrow_t");
void hp_delete_array_aligned_nothrow(void* pointer, std::size_t alignment, const void* tag = nullptr) noexcept
    HEAPPROF_ENTRY("_ZdaPvSt11align_val_tRKSt9nothrow_t");
}
