#include "profiler/analysis/waterfall_lines.h"

#include <limits>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

constexpr double kUnknownError = std::numeric_limits<double>::quiet_NaN();

constexpr WaterfallLine kRequested = {"requested",
                                      "requested by the program",
                                      "what malloc was asked for; reduce it where the program holds too much",
                                      {},
                                      0};
constexpr WaterfallLine kLive = {
    "live",
    "live objects",
    "by allocated size; how much of it was asked for is unknown without sampling",
    {},
    0};
constexpr WaterfallLine kSlack = {
    "internal_slack", "internal slack", "rounding up to size classes; ask for sizes that fit them", {}, 0};
constexpr WaterfallLine kUnattributed = {
    "unattributed",
    "unattributed",
    "the kernel's RSS minus all lines above; negative where they overlap",
    {},
    0};

// Lines that are one field of Totals each, in the order in which they are shown.
struct Field {
  WaterfallLine line;
  bool (heapprof::Totals::*has)() const;
  std::uint64_t (heapprof::Totals::*get)() const;
};

using T = heapprof::Totals;
constexpr Field kFields[] = {
    {{"free_slots",
      "free slots in slabs",
      "freed or never used room inside slabs that other objects pin",
      {},
      0},
     &T::has_free_slot_bytes,
     &T::free_slot_bytes},
    {{"thread_caches", "thread caches", "freed objects that threads keep for their next allocation", {}, 0},
     &T::has_thread_cache_bytes,
     &T::thread_cache_bytes},
    {{"dirty", "dirty free pages", "free pages not yet given back to the kernel", {}, 0},
     &T::has_dirty_bytes,
     &T::dirty_bytes},
    {{"metadata", "allocator metadata", "the allocator's own books", {}, 0},
     &T::has_metadata_bytes,
     &T::metadata_bytes},
    {{"sampler", "sampler", "the profiler's own: stacks and records", {}, 0},
     &T::has_sampler_bytes,
     &T::sampler_bytes},
    {{"other_mappings", "not the heap", "code, thread stacks, files and mappings of others", {}, 0},
     &T::has_other_mappings_bytes,
     &T::other_mappings_bytes},
};

// Requested and slack are what the dump says; the live objects that they split are counted, not sampled.
void addLiveLines(const model::Snapshot& snapshot, bool split, Waterfall* out) {
  const heapprof::Totals& totals = snapshot.heap().totals();
  WaterfallLine requested = kRequested, slack = kSlack, live = kLive;
  if (totals.has_live_bytes()) live.bytes = static_cast<double>(totals.live_bytes());
  if (!totals.has_requested_bytes() || !split) {
    out->lines.push_back(live);
    if (totals.has_requested_bytes()) return;
    const bool sampled = snapshot.heap().header().has_sampling_interval_bytes();
    out->notes.push_back(
        sampled
            ? "which pages are resident could not be read, so neither what of the heap is; heapprof info "
              "says why"
            : "sampling was off: what was requested is unknown, live objects are shown by allocated size");
    return;
  }
  requested.bytes = static_cast<double>(totals.requested_bytes());
  requested.error = totals.has_requested_stderr_bytes() ? static_cast<double>(totals.requested_stderr_bytes())
                                                        : kUnknownError;
  if (totals.has_internal_slack_bytes()) {
    slack.bytes = static_cast<double>(totals.internal_slack_bytes());
    slack.error = requested.error;
  }
  out->countedLive = live.bytes;
  out->lines.push_back(requested);
  out->lines.push_back(slack);
}

}  // namespace

const WaterfallLine* Waterfall::find(absl::string_view id) const {
  for (const WaterfallLine& line : lines) {
    if (line.id == id) return &line;
  }
  return nullptr;
}

Waterfall waterfallOf(const model::Snapshot& snapshot, bool split) {
  const heapprof::Totals& totals = snapshot.heap().totals();
  Waterfall out;
  if (totals.has_kernel_rss_bytes()) out.kernelRss = static_cast<double>(totals.kernel_rss_bytes());
  addLiveLines(snapshot, split, &out);
  for (const Field& field : kFields) {
    out.lines.push_back(field.line);
    if ((totals.*field.has)()) out.lines.back().bytes = static_cast<double>((totals.*field.get)());
  }
  WaterfallLine rest = kUnattributed;
  double known = 0;
  std::string unknown;
  for (const WaterfallLine& line : out.lines) {
    if (line.bytes) {
      known += *line.bytes;
    } else {
      absl::StrAppend(&unknown, unknown.empty() ? "" : ", ", line.label);
    }
  }
  if (out.kernelRss) {
    rest.bytes = *out.kernelRss - known;
  } else {
    out.notes.push_back("the kernel's RSS could not be read: nothing to sum up to");
  }
  if (!unknown.empty()) out.notes.push_back(absl::StrCat("not known to the dump: ", unknown));
  out.lines.push_back(rest);
  return out;
}

}  // namespace heapprof::analysis
