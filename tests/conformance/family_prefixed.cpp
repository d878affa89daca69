// The table of heapprof_alloc: the allocator inside this process beside the host's own.
#include "runtime/entry/malloc_family.h"
#include "runtime/sampling/sampler.h"
#include "tests/conformance/family.h"

namespace heapprof::conformance {
namespace {

void setInterval(std::uint64_t bytes) {
  sampling::initialise();
  sampling::setIntervalBytes(bytes);
}

const Family kFamily = {
    .name = "heapprof_alloc",
    .isOurs = true,
    .replacesGlibc = false,
    .malloc = hp_malloc,
    .free = hp_free,
    .calloc = hp_calloc,
    .realloc = hp_realloc,
    .reallocarray = hp_reallocarray,
    .posixMemalign = hp_posix_memalign,
    .alignedAlloc = hp_aligned_alloc,
    .memalign = hp_memalign,
    .valloc = hp_valloc,
    .pvalloc = hp_pvalloc,
    .usableSize = hp_malloc_usable_size,
    .cfree = hp_cfree,
    .freeSized = hp_free_sized,
    .freeAlignedSized = hp_free_aligned_sized,
    .trim = hp_malloc_trim,
    .mallopt = hp_mallopt,
    .mallinfo2 = hp_mallinfo2,
    .mallocInfo = hp_malloc_info,
    .opNew = hp_new,
    .opNewArray = hp_new_array,
    .opNewNothrow = [](std::size_t n) { return hp_new_nothrow(n); },
    .opNewArrayNothrow = [](std::size_t n) { return hp_new_array_nothrow(n); },
    .opNewAligned = hp_new_aligned,
    .opNewArrayAligned = hp_new_array_aligned,
    .opNewAlignedNothrow = [](std::size_t n, std::size_t a) { return hp_new_aligned_nothrow(n, a); },
    .opNewArrayAlignedNothrow = [](std::size_t n,
                                   std::size_t a) { return hp_new_array_aligned_nothrow(n, a); },
    .opDelete = hp_delete,
    .opDeleteArray = hp_delete_array,
    .opDeleteSized = hp_delete_sized,
    .opDeleteArraySized = hp_delete_array_sized,
    .opDeleteNothrow = [](void* p) { hp_delete_nothrow(p); },
    .opDeleteArrayNothrow = [](void* p) { hp_delete_array_nothrow(p); },
    .opDeleteAligned = hp_delete_aligned,
    .opDeleteArrayAligned = hp_delete_array_aligned,
    .opDeleteSizedAligned = hp_delete_sized_aligned,
    .opDeleteArraySizedAligned = hp_delete_array_sized_aligned,
    .opDeleteAlignedNothrow = [](void* p, std::size_t a) { hp_delete_aligned_nothrow(p, a); },
    .opDeleteArrayAlignedNothrow = [](void* p, std::size_t a) { hp_delete_array_aligned_nothrow(p, a); },
    .setInterval = setInterval,
};

}  // namespace

const Family& family() noexcept {
  return kFamily;
}

}  // namespace heapprof::conformance
