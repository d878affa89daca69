#include <errno.h>
#include <stdint.h>

#include "runtime/entry/fast_path.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/os/os.h"

namespace {

using heapprof::sampling::Kind;

constexpr bool isPowerOfTwo(std::size_t n) noexcept {
  return n != 0 && (n & (n - 1)) == 0;
}

void* allocateAligned(std::size_t alignment, std::size_t bytes, const void* frame) noexcept {
  if (void* object = heapprof::entry::allocateAlignedFast(alignment, bytes)) return object;
  return heapprof::heap::allocate({bytes, alignment, Kind::kMemalign, false, frame});
}

}  // namespace

extern "C" {

int hp_posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  if (!isPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int savedErrno = errno;
  void* object = allocateAligned(alignment, bytes, frame);
  errno = savedErrno;
  if (object == nullptr) return ENOMEM;
  *out = object;
  return 0;
}

// glibc 2.38 and C23 refuse what is no power of two; so do we.
void* hp_aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  if (!isPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return allocateAligned(alignment, bytes, frame);
}

// glibc rounds a strange alignment up to a power of two.
void* hp_memalign(std::size_t alignment, std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return nullptr;
  }
  std::size_t rounded = 1;
  while (rounded < alignment) rounded *= 2;
  return allocateAligned(rounded, bytes, frame);
}

void* hp_valloc(std::size_t bytes) noexcept {
  return allocateAligned(heapprof::os::pageBytes(), bytes, __builtin_frame_address(0));
}

void* hp_pvalloc(std::size_t bytes) noexcept {
  const void* frame = __builtin_frame_address(0);
  const std::size_t page = heapprof::os::pageBytes();
  if (bytes > SIZE_MAX - page) {
    errno = ENOMEM;
    return nullptr;
  }
  const std::size_t rounded = bytes == 0 ? page : (bytes + page - 1) & ~(page - 1);
  return allocateAligned(page, rounded, frame);
}

}  // extern "C"
