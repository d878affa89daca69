#include <cerrno>
#include <cstring>

#include "heapprof/heapprof.h"

#include "runtime/config/options.h"
#include "runtime/entry/triggers.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/inspect.h"
#include "runtime/heap/samples.h"
#include "runtime/introspect/dump.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/os.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace {

constexpr std::uint64_t kDefaultInterval = std::uint64_t{512} << 10;
constexpr std::uint64_t kLargestInterval = std::uint64_t{1} << 40;

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

int changeInterval(std::uint64_t interval) noexcept {
  if (interval > kLargestInterval) {
    return EINVAL;
  }
  heapprof::sampling::initialise();  // here, not inside the next malloc
  heapprof::sampling::setIntervalBytes(interval);
  return 0;
}

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
  std::uint64_t interval = interval_bytes;
  if (interval == 0) {
    const std::uint64_t option = heapprof::config::options().sampleBytes;
    interval = option != 0 ? option : kDefaultInterval;
  }
  return changeInterval(interval);
}

int heapprof_stop(void) {
  const ApiCall call;
  heapprof::sampling::setIntervalBytes(0);
  return 0;
}

int heapprof_set_interval(uint64_t interval_bytes) {
  const ApiCall call;
  return changeInterval(interval_bytes);
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
  heapprof::heap::settleSamples();
  const heapprof::heap::Totals totals = heapprof::heap::totals();
  const heapprof::sampling::Statistics sampler = heapprof::sampling::statistics();
  heapprof_stats stats{};
  stats.live_bytes = totals.outstandingBytes;
  stats.live_objects = totals.outstandingObjects;
  stats.cached_bytes = totals.cachedBytes;
  stats.allocated_bytes = totals.allocatedBytes;
  stats.allocated_objects = totals.allocatedObjects;
  stats.region_bytes = heapprof::heap::region().usedBytes;
  stats.metadata_bytes = heapprof::meta::mappedBytes(heapprof::meta::Purpose::kAllocator) +
                         heapprof::meta::mappedBytes(heapprof::meta::Purpose::kDump);
  stats.sampler_bytes = heapprof::meta::mappedBytes(heapprof::meta::Purpose::kSampler);
  stats.live_samples = sampler.liveRecords;
  stats.lost_samples = sampler.lostRecords;
  stats.interval_bytes = heapprof::sampling::intervalBytes();
  // A caller of a later version has a longer struct: what we do not know is zero.
  std::memset(out, 0, size);
  std::memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
  return 0;
}

int heapprof_purge(uint64_t* returned) {
  const ApiCall call;
  const std::uint64_t bytes = heapprof::heap::releaseFreeMemory();
  if (returned != nullptr) {
    *returned = bytes;
  }
  return 0;
}

const char* heapprof_version(void) {
  return "0.1.0";
}
}
