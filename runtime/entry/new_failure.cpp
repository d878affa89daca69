#include "runtime/entry/new_failure.h"

#include <dlfcn.h>

#include "runtime/base/fatal.h"

// This file alone is compiled with exceptions (runtime/CMakeLists.txt), because a nothrow new must catch what
// a new handler throws. The C++ runtime's part in that is referred to weakly: whoever installed a handler has
// one.
#if !defined(HEAPPROF_PREFIXED)
__asm__(
    ".weak __gxx_personality_v0\n"
    ".weak __cxa_begin_catch\n"
    ".weak __cxa_end_catch\n"
    ".weak _ZSt9terminatev\n"
    ".weak _Unwind_Resume\n");
#endif

namespace heapprof::entry {
namespace {

using Handler = void (*)();

Handler newHandler() noexcept {
  using Get = Handler (*)();
  auto get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "_ZSt15get_new_handlerv"));
  return get == nullptr ? nullptr : get();
}

[[noreturn]] void throwBadAlloc() {
  auto raise = reinterpret_cast<Handler>(dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv"));
  if (raise != nullptr) raise();
  base::fatal("operator new: out of memory, and no C++ runtime to throw std::bad_alloc");
}

}  // namespace

void* allocateOrThrow(const heap::Request& request) {
  for (;;) {
    void* object = heap::allocate(request);
    if (object != nullptr) [[likely]]
      return object;
    const Handler handler = newHandler();
    if (handler == nullptr) throwBadAlloc();
    handler();
  }
}

void* allocateOrNull(const heap::Request& request) noexcept {
  void* object = heap::allocate(request);
  if (object != nullptr) [[likely]]
    return object;
  if (newHandler() == nullptr) return nullptr;
  try {
    return allocateOrThrow(request);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace heapprof::entry
