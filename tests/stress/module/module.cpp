// A small shared library that the dlopen storm loads and unloads; built several times with different
// STRESS_MODULE values. It allocates through its caller's table from frames of its own, so samples hold
// addresses of code that then goes away.
#include <cstring>
#include <string>

#include "tests/conformance/family.h"

namespace {

thread_local int threadCalls = 0;

// A destructor and a constructor of its own: dlopen and dlclose allocate and free inside the dynamic linker's
// lock.
const std::string kText(100 + STRESS_MODULE * 50, 'm');

__attribute__((noinline)) void* deeper(const heapprof::conformance::Family& family, std::size_t bytes,
                                       int depth) {
  if (depth > 0) {
    void* p = deeper(family, bytes, depth - 1);
    asm volatile("" ::: "memory");  // not a tail call: each level is a frame
    return p;
  }
  void* p = family.malloc(bytes);
  if (p != nullptr) std::memset(p, STRESS_MODULE, bytes);
  return p;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void* stressModuleAllocate(
    const heapprof::conformance::Family* family, std::size_t bytes, int depth) {
  threadCalls++;
  return kText.empty() ? nullptr : deeper(*family, bytes, depth);
}
