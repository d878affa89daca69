#include "runtime/base/fatal.h"

#include <atomic>
#include <cstring>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

namespace heapprof::base {
namespace {

// Written once by the options' reader, before other threads exist; relaxed because nothing else hangs on it.
constinit std::atomic<bool> loggingOn{true};

// One writev, so that lines of several threads and processes do not mix.
void writeLine(const char* const* parts, int count) noexcept {
  const int savedErrno = errno;
  iovec pieces[8];
  int used = 0;
  for (int i = 0; i < count && used < 8; ++i) {
    const std::size_t length = std::strlen(parts[i]);
    if (length == 0) continue;
    pieces[used].iov_base = const_cast<char*>(parts[i]);
    pieces[used].iov_len = length;
    ++used;
  }
  // Nothing can be done about a closed stderr.
  [[maybe_unused]] const auto written = writev(2, pieces, used);
  errno = savedErrno;
}

}  // namespace

void fatal(const char* what) noexcept {
  const char* const parts[] = {"heapprof: fatal: ", what, "\n"};
  writeLine(parts, 3);
  abort();
}

void logLine(const char* a, const char* b, const char* c, const char* d, const char* e) noexcept {
  if (!loggingOn.load(std::memory_order_relaxed)) return;
  const char* const parts[] = {"heapprof: ", a, b, c, d, e, "\n"};
  writeLine(parts, 7);
}

void setLogging(bool on) noexcept {
  loggingOn.store(on, std::memory_order_relaxed);
}

}  // namespace heapprof::base
