// The C++ exception unwinder of GCC, opened at run time. Slow (it interprets a frame's rules anew each time)
// but without descriptors and thread-local memory; with glibc 2.35 and later it finds its tables without a
// lock.
#include <atomic>
#include <dlfcn.h>

#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {
namespace {

struct Context;  // _Unwind_Context
using TraceFunction = int (*)(Context*, void*);
using BacktraceFunction = int (*)(TraceFunction, void*);
using GetIpFunction = std::uintptr_t (*)(Context*);

constexpr int kContinue = 0;  // _URC_NO_REASON
constexpr int kStop = 4;      // _URC_NORMAL_STOP

constinit std::atomic<BacktraceFunction> backtraceFunction{nullptr};
constinit GetIpFunction getIp = nullptr;

struct Collection {
  std::uintptr_t leaf;
  std::uintptr_t* frames;
  std::uint32_t depth;
  std::uint32_t count;
  bool inside;  // past the entry function
};

int collect(Context* context, void* argument) {
  auto& collection = *static_cast<Collection*>(argument);
  const std::uintptr_t address = withoutPointerAuthentication(getIp(context));
  if (address == collection.leaf) collection.inside = true;
  if (!collection.inside) return kContinue;
  if (address < kLowestCodeAddress || collection.count == collection.depth) return kStop;
  collection.frames[collection.count++] = address;
  return kContinue;
}

}  // namespace

bool openLibgcc(const char** note) noexcept {
  void* library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    *note = "libgcc_s.so.1 cannot be opened";
    return false;
  }
  auto backtrace = reinterpret_cast<BacktraceFunction>(dlsym(library, "_Unwind_Backtrace"));
  getIp = reinterpret_cast<GetIpFunction>(dlsym(library, "_Unwind_GetIP"));
  if (backtrace == nullptr || getIp == nullptr) {
    *note = "libgcc_s.so.1 has no _Unwind_Backtrace";
    return false;
  }
  // The first walk fills tables under a lock: here, not inside malloc.
  std::uintptr_t frames[8];
  Collection warmUp{0, frames, 8, 0, false};
  backtrace(collect, &warmUp);
  backtraceFunction.store(backtrace, std::memory_order_release);
  return true;
}

Walk walkLibgcc(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  const BacktraceFunction backtrace = backtraceFunction.load(std::memory_order_acquire);
  if (backtrace == nullptr) return {0, "[unwind failed: libgcc_s.so.1 not available]"};
  Collection collection{returnAddressOf(entryFrame), frames, depth, 0, false};
  backtrace(collect, &collection);
  if (collection.count == 0) return {0, "[unwind failed: libgcc did not pass the caller]"};
  return {collection.count, nullptr};
}

}  // namespace heapprof::sampling
