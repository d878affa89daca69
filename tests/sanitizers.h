// Which sanitizer a test was built with, and what ThreadSanitizer must be told.
//
// Invariant: nothing here hides a report by name; each piece states a fact about the platform that TSan
// cannot see.
#pragma once

#include <mutex>

#if defined(__SANITIZE_THREAD__)
#define HEAPPROF_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HEAPPROF_TEST_TSAN 1
#endif
#endif
#if defined(HEAPPROF_TEST_TSAN) || defined(__SANITIZE_ADDRESS__)
#define HEAPPROF_TEST_SANITIZED 1
#endif

namespace heapprof::tests {

// Held across dlopen() and dlclose(). ld.so does all of their work, constructors and destructors of the
// module too, under a lock of its own that it takes by an internal name, so TSan sees neither the lock nor
// the order it makes: a module's static objects, and ld.so's own blocks, look written by two threads at once,
// or by two modules at one reused address. Under TSan this mutex says that order. It adds none that is not
// there, and holds up loaders alone, who wait for each other anyway. In other builds it is nothing: there a
// deadlock with ld.so's lock is what is tested for.
class [[maybe_unused]] LinkerCall {
#if defined(HEAPPROF_TEST_TSAN)
 public:
  LinkerCall() : hold_(standsForLinkersLock()) {}

 private:
  static std::mutex& standsForLinkersLock() {
    static std::mutex mutex;
    return mutex;
  }
  std::lock_guard<std::mutex> hold_;
#else
 public:
  LinkerCall() {}  // not defaulted: a variable of this type is never unused
#endif
};

}  // namespace heapprof::tests
