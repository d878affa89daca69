#include <cstring>
#include <errno.h>

#include "runtime/entry/fast_path.h"
#include "runtime/entry/fork.h"
#include "runtime/entry/malloc_family.h"

namespace {

using heapprof::entry::allocateFast;
using heapprof::entry::freeFast;
using heapprof::heap::Request;
using heapprof::sampling::Kind;

// Reached by a tail call, so their frame lies where the public function's would.
[[gnu::noinline]] void* mallocSlow(std::size_t bytes) noexcept {
  if (void* object = heapprof::entry::allocateMedium(bytes)) return object;
  return heapprof::heap::allocate({bytes, 0, Kind::kMalloc, false, __builtin_frame_address(0)});
}

[[gnu::noinline]] void* callocSlow(std::size_t bytes) noexcept {
  return heapprof::heap::allocate({bytes, 0, Kind::kCalloc, true, __builtin_frame_address(0)});
}

void* outOfMemory() noexcept {
  errno = ENOMEM;
  return nullptr;
}

// The library's first words, here because no program can be linked without this file: the heap is made ready
// before any thread of the program runs. Failing now only means that the first malloc tries again, and says
// so by null.
__attribute__((constructor(101))) void atLoad() noexcept {
  heapprof::heap::initialise();
  heapprof::entry::installForkHandlers();
}

// Who takes malloc from libheapprof.a must get the whole family: a memalign of libc's would hand out what our
// free ignores.
[[gnu::used]] constinit const void* const wholeFamily[] = {reinterpret_cast<const void*>(&hp_memalign),
                                                           reinterpret_cast<const void*>(&hp_new),
                                                           reinterpret_cast<const void*>(&hp_mallopt)};

}  // namespace

extern "C" {

[[gnu::aligned(64)]] void* hp_malloc(std::size_t bytes) noexcept {
  void* object = allocateFast(bytes);
  if (object == nullptr) [[unlikely]]
    return mallocSlow(bytes);
  return object;
}

[[gnu::aligned(64)]] void hp_free(void* pointer) noexcept {
  freeFast(pointer);
}

void* hp_calloc(std::size_t count, std::size_t bytes) noexcept {
  std::size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) [[unlikely]]
    return outOfMemory();
  void* object = allocateFast(total);
  if (object == nullptr) [[unlikely]]
    return callocSlow(total);
  return std::memset(object, 0, total);
}

void* hp_realloc(void* pointer, std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  // As glibc: size 0 frees, and gives null.
  if (pointer != nullptr && bytes == 0) {
    freeFast(pointer);
    return nullptr;
  }
  return heapprof::heap::reallocate(pointer, bytes, frame);
}

void* hp_reallocarray(void* pointer, std::size_t count, std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  std::size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return outOfMemory();
  if (pointer != nullptr && total == 0) {
    freeFast(pointer);
    return nullptr;
  }
  return heapprof::heap::reallocate(pointer, total, frame);
}

void hp_cfree(void* pointer) noexcept {
  freeFast(pointer);
}
void hp_free_sized(void* pointer, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_free_aligned_sized(void* pointer, std::size_t, std::size_t) noexcept {
  freeFast(pointer);
}

std::size_t hp_malloc_usable_size(void* pointer) noexcept {
  return heapprof::heap::usableSize(pointer);
}

}  // extern "C"
