// The table of the real names. Which allocator answers is decided outside: glibc's, so that the tests are
// validated against the allocator whose contract they state, or libheapprof.so by LD_PRELOAD.
#include <cstdlib>
#include <dlfcn.h>
#include <new>

#include "tests/conformance/family.h"

namespace heapprof::conformance {
namespace {

template <typename Function>
Function lookUp(const char* name) noexcept {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

using SetInterval = int (*)(std::uint64_t);

std::align_val_t align(std::size_t a) noexcept {
  return std::align_val_t{a};
}

Family makeFamily() noexcept {
  Family f = {
      .name = "glibc",
      .isOurs = false,
      .replacesGlibc = true,
      .malloc = ::malloc,
      .free = ::free,
      .calloc = ::calloc,
      .realloc = ::realloc,
      .reallocarray = ::reallocarray,
      .posixMemalign = ::posix_memalign,
      .alignedAlloc = ::aligned_alloc,
      .memalign = ::memalign,
      .valloc = ::valloc,
      .pvalloc = ::pvalloc,
      .usableSize = ::malloc_usable_size,
      .cfree = lookUp<void (*)(void*)>("cfree"),
      .freeSized = lookUp<void (*)(void*, std::size_t)>("free_sized"),
      .freeAlignedSized = lookUp<void (*)(void*, std::size_t, std::size_t)>("free_aligned_sized"),
      .trim = ::malloc_trim,
      .mallopt = ::mallopt,
      .mallinfo2 = ::mallinfo2,
      .mallocInfo = ::malloc_info,
      .opNew = [](std::size_t n) { return ::operator new(n); },
      .opNewArray = [](std::size_t n) { return ::operator new[](n); },
      .opNewNothrow = [](std::size_t n) { return ::operator new(n, std::nothrow); },
      .opNewArrayNothrow = [](std::size_t n) { return ::operator new[](n, std::nothrow); },
      .opNewAligned = [](std::size_t n, std::size_t a) { return ::operator new(n, align(a)); },
      .opNewArrayAligned = [](std::size_t n, std::size_t a) { return ::operator new[](n, align(a)); },
      .opNewAlignedNothrow = [](std::size_t n,
                                std::size_t a) { return ::operator new(n, align(a), std::nothrow); },
      .opNewArrayAlignedNothrow = [](std::size_t n,
                                     std::size_t a) { return ::operator new[](n, align(a), std::nothrow); },
      .opDelete = [](void* p) { ::operator delete(p); },
      .opDeleteArray = [](void* p) { ::operator delete[](p); },
      .opDeleteSized = [](void* p, std::size_t n) { ::operator delete(p, n); },
      .opDeleteArraySized = [](void* p, std::size_t n) { ::operator delete[](p, n); },
      .opDeleteNothrow = [](void* p) { ::operator delete(p, std::nothrow); },
      .opDeleteArrayNothrow = [](void* p) { ::operator delete[](p, std::nothrow); },
      .opDeleteAligned = [](void* p, std::size_t a) { ::operator delete(p, align(a)); },
      .opDeleteArrayAligned = [](void* p, std::size_t a) { ::operator delete[](p, align(a)); },
      .opDeleteSizedAligned = [](void* p, std::size_t n,
                                 std::size_t a) { ::operator delete(p, n, align(a)); },
      .opDeleteArraySizedAligned = [](void* p, std::size_t n,
                                      std::size_t a) { ::operator delete[](p, n, align(a)); },
      .opDeleteAlignedNothrow = [](void* p, std::size_t a) { ::operator delete(p, align(a), std::nothrow); },
      .opDeleteArrayAlignedNothrow = [](void* p,
                                        std::size_t a) { ::operator delete[](p, align(a), std::nothrow); },
      .setInterval = nullptr,
  };
  if (lookUp<void*>("heapprof_version") != nullptr) {
    f.name = "libheapprof.so";
    f.isOurs = true;
    f.setInterval = [](std::uint64_t bytes) {
      static const auto set = lookUp<SetInterval>("heapprof_set_interval");
      static const auto stop = lookUp<int (*)()>("heapprof_stop");
      if (bytes == 0) {
        stop();
      } else {
        set(bytes);
      }
    };
  }
  return f;
}

}  // namespace

// Filled on first use: the tests ask from static initialisers too.
const Family& family() noexcept {
  static const Family table = makeFamily();
  return table;
}

}  // namespace heapprof::conformance
