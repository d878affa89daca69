#include <cerrno>
#include <cstring>

#include "heapprof/heapprof.h"

#include "runtime/entry/commands.h"
#include "runtime/entry/triggers.h"
#include "runtime/heap/allocator.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/timeline.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace {

// Every function of the API keeps errno and works before our constructor has run.
class ApiCall {
 public:
  ApiCall() noexcept : saved_(errno) { heapprof::entry::startRecording(); }
  ~ApiCall() { errno = saved_; }
  ApiCall(const ApiCall&) = delete;
  ApiCall& operator=(const ApiCall&) = delete;

 private:
  int saved_;
};

}  // namespace

extern "C" {

int heapprof_dump(const char* path) {
  const ApiCall call;
  return path == nullptr ? heapprof::introspect::dumpToTemplate(heapprof::introspect::Reason::kApi)
                         : heapprof::introspect::dumpToPath(path, heapprof::introspect::Reason::kApi);
}

int heapprof_dump_fd(int fd) {
  const ApiCall call;
  return heapprof::introspect::dumpToFd(fd, heapprof::introspect::Reason::kApi);
}

int heapprof_start(uint64_t interval_bytes) {
  const ApiCall call;
  return heapprof::entry::changeInterval(heapprof::entry::startInterval(interval_bytes));
}

int heapprof_stop(void) {
  const ApiCall call;
  heapprof::sampling::setIntervalBytes(0);
  return 0;
}

int heapprof_set_interval(uint64_t interval_bytes) {
  const ApiCall call;
  return heapprof::entry::changeInterval(interval_bytes);
}

int heapprof_reset(void) {
  const ApiCall call;
  heapprof::sampling::resetCumulative();
  return 0;
}

uint64_t heapprof_interval(void) {
  return heapprof::sampling::intervalBytes();
}

int heapprof_get_stats(struct heapprof_stats* out, size_t size) {
  const ApiCall call;
  if (out == nullptr || size < sizeof out->live_bytes) {
    return EINVAL;
  }
  heapprof_stats stats;
  heapprof::entry::readStats(&stats);
  // A caller of a later version has a longer struct: what we do not know is zero.
  std::memset(out, 0, size);
  std::memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
  return 0;
}

int heapprof_stats_json(char* out, size_t size) {
  const ApiCall call;
  return out == nullptr || size == 0 ? EINVAL : heapprof::entry::writeStatsJson(out, size);
}

int heapprof_purge(uint64_t* returned) {
  const ApiCall call;
  const std::uint64_t bytes = heapprof::heap::releaseFreeMemory();
  if (returned != nullptr) {
    *returned = bytes;
  }
  return 0;
}

int heapprof_mark(const char* name) {
  const ApiCall call;
  return heapprof::introspect::addTimelineMark(name);
}

const char* heapprof_version(void) {
  return heapprof::entry::kVersion;
}
}
