#include "tests/process/waterfall/totals.h"

#include <iostream>

#include "formats/pprof/read_profile.h"

namespace heapprof::tests {

Lines waterfallOf(const std::string& path) {
  const auto profile = formats::readProfile(path);
  if (!profile.ok()) {
    std::cerr << profile.status() << "\n";
    return {};
  }
  const heapprof::Totals& t = profile->heapSnapshot.totals();
  Lines out;
  const auto put = [&out](const char* name, bool known, std::uint64_t value) {
    if (known) out[name] = static_cast<double>(value);
  };
  put("rss", t.has_kernel_rss_bytes(), t.kernel_rss_bytes());
  put("live", t.has_live_bytes(), t.live_bytes());
  put("live_objects", t.has_live_objects(), t.live_objects());
  put("requested", t.has_requested_bytes(), t.requested_bytes());
  put("requested_stderr", t.has_requested_stderr_bytes(), t.requested_stderr_bytes());
  put("internal_slack", t.has_internal_slack_bytes(), t.internal_slack_bytes());
  put("free_slots", t.has_free_slot_bytes(), t.free_slot_bytes());
  put("thread_caches", t.has_thread_cache_bytes(), t.thread_cache_bytes());
  put("dirty", t.has_dirty_bytes(), t.dirty_bytes());
  put("metadata", t.has_metadata_bytes(), t.metadata_bytes());
  put("sampler", t.has_sampler_bytes(), t.sampler_bytes());
  put("other_mappings", t.has_other_mappings_bytes(), t.other_mappings_bytes());
  put("purged", t.has_purged_bytes(), t.purged_bytes());
  put("untouched", t.has_untouched_bytes(), t.untouched_bytes());
  double sum = 0;
  bool all = out.count("rss") != 0;
  for (const char* part :
       {"live", "free_slots", "thread_caches", "dirty", "metadata", "sampler", "other_mappings"}) {
    all = all && out.count(part) != 0;
    sum += out.count(part) != 0 ? out[part] : 0;
  }
  const auto both = [&out](const char* name, const char* first, const char* second) {
    if (out.count(first) != 0 && out.count(second) != 0) out[name] = out[first] + out[second];
  };
  both("free_slots_and_caches", "free_slots", "thread_caches");
  both("dirty_and_purged", "dirty", "purged");
  if (all) out["unattributed"] = out["rss"] - sum;
  return out;
}

}  // namespace heapprof::tests
