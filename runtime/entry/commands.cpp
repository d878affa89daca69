#include "runtime/entry/commands.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "runtime/config/options.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/inspect.h"
#include "runtime/heap/samples.h"
#include "runtime/introspect/process_figures.h"
#include "runtime/introspect/text.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/scores.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::entry {
namespace {

constexpr std::uint64_t kDefaultInterval = std::uint64_t{512} << 10;

struct Field {
  char name[20];
  std::size_t offset;
};
#define HEAPPROF_FIELD(member) \
  { #member, offsetof(heapprof_stats, member) }
constexpr Field kFields[] = {
    HEAPPROF_FIELD(live_bytes),      HEAPPROF_FIELD(live_objects),      HEAPPROF_FIELD(cached_bytes),
    HEAPPROF_FIELD(allocated_bytes), HEAPPROF_FIELD(allocated_objects), HEAPPROF_FIELD(region_bytes),
    HEAPPROF_FIELD(metadata_bytes),  HEAPPROF_FIELD(sampler_bytes),     HEAPPROF_FIELD(live_samples),
    HEAPPROF_FIELD(lost_samples),    HEAPPROF_FIELD(interval_bytes),
};
#undef HEAPPROF_FIELD
static_assert(sizeof kFields / sizeof kFields[0] * sizeof(std::uint64_t) == sizeof(heapprof_stats),
              "every member has its row");

class JsonObject {
 public:
  explicit JsonObject(introspect::Text* out) noexcept : out_(out) { out_->character('{'); }
  void add(const char* name, std::uint64_t value) noexcept { key(name).decimal(value); }
  void add(const char* name, const char* value) noexcept { key(name).add("\"").add(value).add("\""); }
  void end() noexcept { out_->character('}'); }

 private:
  introspect::Text& key(const char* name) noexcept {
    if (any_) out_->character(',');
    any_ = true;
    return out_->add("\"").add(name).add("\":");
  }
  introspect::Text* out_;
  bool any_ = false;
};

// Absent where it cannot be read.
void addRss(JsonObject* object) noexcept {
  const introspect::Figure rss = introspect::readRss();
  if (rss.known) object->add("rss_bytes", rss.value);
}

void addPages(JsonObject* object) noexcept {
  const pages::Totals totals = pages::totals();
  object->add("pages_used_bytes", totals.usedGranules * pages::kGranuleBytes);
  object->add("pages_free_bytes", totals.freeBackedGranules * pages::kGranuleBytes);
  const pages::PurgeTotals purges = pages::purgeTotals();
  object->add("purge_passes", purges.passes);
  object->add("purged_bytes", purges.advisedBytes);
  object->add("refaulted_10s_bytes", purges.refaultedBytes[1]);
}

}  // namespace

const char kVersion[] = "0.1.0";

int changeInterval(std::uint64_t interval) noexcept {
  if (interval > sampling::kLargestInterval) return EINVAL;
  sampling::initialise();  // here, not inside the next malloc
  sampling::setIntervalBytes(interval);
  return 0;
}

std::uint64_t startInterval(std::uint64_t interval) noexcept {
  if (interval == 0) interval = config::options().sampleBytes;
  return interval != 0 ? interval : kDefaultInterval;
}

void readStats(heapprof_stats* out) noexcept {
  heap::settleSamples();
  const heap::Totals totals = heap::totals();
  const sampling::Statistics sampler = sampling::statistics();
  *out = {};
  out->live_bytes = totals.outstandingBytes;
  out->live_objects = totals.outstandingObjects;
  out->cached_bytes = totals.cachedBytes;
  out->allocated_bytes = totals.allocatedBytes;
  out->allocated_objects = totals.allocatedObjects;
  out->region_bytes = heap::region().usedBytes;
  out->metadata_bytes =
      meta::mappedBytes(meta::Purpose::kAllocator) + meta::mappedBytes(meta::Purpose::kDump);
  out->sampler_bytes = meta::mappedBytes(meta::Purpose::kSampler);
  out->live_samples = sampler.liveRecords;
  out->lost_samples = sampler.lostRecords;
  out->interval_bytes = sampling::intervalBytes();
}

int writeStatsJson(char* out, std::size_t capacity) noexcept {
  heapprof_stats stats;
  readStats(&stats);
  introspect::Text text(out, capacity);
  JsonObject object(&text);
  object.add("version", kVersion);
  object.add("pid", static_cast<std::uint64_t>(getpid()));
  object.add("monotonic_nanos", os::calls().monotonicNanos());
  for (const Field& field : kFields) {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const char*>(&stats) + field.offset, sizeof value);
    object.add(field.name, value);
  }
  addPages(&object);
  addRss(&object);
  object.end();
  return text.truncated() ? ENOSPC : 0;
}

}  // namespace heapprof::entry
