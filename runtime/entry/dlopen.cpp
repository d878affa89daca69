// dlopen without RTLD_DEEPBIND. A library opened with that flag finds libc's malloc before ours, and then
// hands to libc's free what strdup or the program got from ours: PHP opens its extensions so, and dies at
// start under every preloaded allocator. Without the flag the library finds what the program finds; a symbol
// that it has in common with the program is then the program's (dlopen(3)).
//
// The caller must stay the caller: the RUNPATH that is searched is that of whoever dlopen returns to. So the
// call of the real one is a tail call; tests/process/guest/deepbind.sh opens a plugin that is only found so.
#if !defined(HEAPPROF_PREFIXED)
#include <atomic>
#include <dlfcn.h>
#include <errno.h>

namespace heapprof::entry {
namespace {

using Open = void* (*)(const char*, int);
constinit std::atomic<Open> next{nullptr};

[[gnu::noinline]] Open findNext() noexcept {
  auto found = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "dlopen"));
  next.store(found, std::memory_order_relaxed);
  return found;
}

}  // namespace
}  // namespace heapprof::entry

extern "C" [[gnu::visibility("default")]] void* dlopen(const char* file, int mode) noexcept {
  using namespace heapprof::entry;
  Open open = next.load(std::memory_order_relaxed);
  if (open == nullptr) open = findNext();
  if (open == nullptr) {  // a static program: there are no libraries to open
    errno = ENOSYS;
    return nullptr;
  }
  return open(file, mode & ~RTLD_DEEPBIND);
}
#endif
