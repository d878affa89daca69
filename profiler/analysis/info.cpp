#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "profiler/analysis/analyses.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::bytesText;

class InfoRows {
 public:
  void add(absl::string_view group, absl::string_view name, absl::string_view value) {
    value = absl::StripAsciiWhitespace(value);  // a command line is padded with blanks by who renames itself
    if (value.empty()) return;
    group_.texts.emplace_back(group);
    name_.texts.emplace_back(name);
    value_.texts.emplace_back(value);
  }
  // Each group in one piece, in the order in which they began.
  model::Table table() && {
    std::vector<std::string> groups;
    for (const std::string& group : group_.texts) {
      if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    }
    model::Column* const columns[] = {&group_, &name_, &value_};
    std::vector<std::string> sorted[3];
    for (const std::string& group : groups) {
      for (std::size_t row = 0; row < group_.texts.size(); ++row) {
        if (group_.texts[row] != group) continue;
        for (int i = 0; i < 3; ++i) sorted[i].push_back(columns[i]->texts[row]);
      }
    }
    for (int i = 0; i < 3; ++i) columns[i]->texts = std::move(sorted[i]);
    model::Table table;
    table.id = "info";
    table.title = "What the dump holds";
    table.columns = {std::move(group_), std::move(name_), std::move(value_)};
    return table;
  }

 private:
  model::Column group_ = model::textColumn("group", "Group", "what the row is about");
  model::Column name_ = model::textColumn("name", "Name", "what is said");
  model::Column value_ = model::textColumn("value", "Value", "as text");
};

std::string count(std::uint64_t number) {
  return model::countText(static_cast<double>(number));
}

std::string timeText(std::uint64_t nanos) {
  if (nanos == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S%Ez", absl::FromUnixNanos(static_cast<std::int64_t>(nanos)),
                          absl::LocalTimeZone());
}

std::string durationText(std::uint64_t nanos) {
  return nanos == 0 ? "" : model::scaledLabel(static_cast<std::int64_t>(nanos), "ns", "auto");
}

absl::string_view availabilityText(heapprof::Availability state) {
  switch (state) {
    case heapprof::WORKS:
      return "works";
    case heapprof::ABSENT:
      return "absent";
    case heapprof::REFUSED:
      return "refused";
    case heapprof::OFF:
      return "turned off";
    default:
      return "unknown";
  }
}

void aboutFile(const model::Snapshot& snapshot, InfoRows* rows) {
  const formats::ProfileColumns& columns = snapshot.columns();
  rows->add("file", "path", snapshot.path());
  rows->add("file", "size",
            absl::StrCat(bytesText(static_cast<double>(columns.fileBytes)), " on disk, ",
                         bytesText(static_cast<double>(columns.messageBytes)), " unpacked"));
  rows->add("file", "kind",
            snapshot.hasHeapSnapshot()
                ? absl::StrCat("heapprof dump, format ", snapshot.heap().header().format_version())
                : "pprof profile of another tool: stacks only");
  rows->add("file", "stacks",
            absl::StrCat(count(columns.samples.size()), " stacks over ", count(columns.locations.size()),
                         " places in ", count(columns.functions.size()), " functions, ",
                         count(columns.mappings.size()), " mappings"));
  std::vector<std::string> types;
  for (std::size_t i = 0; i < columns.sampleTypes.size(); ++i) {
    types.push_back(absl::StrCat(snapshot.text(columns.sampleTypes[i].type), "/", snapshot.sampleTypeUnit(i),
                                 i == snapshot.sampleType("").value_or(i + 1) ? " (default)" : ""));
  }
  rows->add("file", "metrics", absl::StrJoin(types, ", "));
  if (snapshot.hasHeapSnapshot()) return;  // which says the same itself, and more exactly
  for (formats::StringIndex comment : columns.comments) rows->add("file", "comment", snapshot.text(comment));
  if (columns.timeNanos > 0)
    rows->add("file", "taken", timeText(static_cast<std::uint64_t>(columns.timeNanos)));
}

void aboutProgram(const model::Snapshot& snapshot, InfoRows* rows) {
  const heapprof::Header& header = snapshot.heap().header();
  rows->add("program", "path", snapshot.snapshotText(header.program()));
  rows->add("program", "command", snapshot.snapshotText(header.command_line()));
  if (header.pid() != 0) rows->add("program", "pid", absl::StrCat(header.pid()));
  rows->add("program", "host",
            absl::StrJoin({snapshot.snapshotText(header.host()), snapshot.snapshotText(header.kernel()),
                           snapshot.snapshotText(header.machine())},
                          " "));
  rows->add("program", "started", timeText(header.start_time_nanos()));
}

void aboutCapture(const model::Snapshot& snapshot, InfoRows* rows) {
  const heapprof::Header& header = snapshot.heap().header();
  rows->add("capture", "runtime", snapshot.snapshotText(header.runtime_version()));
  rows->add("capture", "dumped", timeText(header.dump_time_nanos()));
  rows->add("capture", "reason", dumpReason(snapshot));
  rows->add("capture", "sequence",
            header.sequence() == 0 ? "" : absl::StrCat("dump ", header.sequence(), " of the process"));
  rows->add("capture", "took", durationText(header.dump_duration_nanos()));
  if (header.approximate()) rows->add("capture", "threads", "kept running while it was taken");
  rows->add("capture", "sampling",
            header.has_sampling_interval_bytes()
                ? absl::StrCat("one sample every ",
                               bytesText(static_cast<double>(header.sampling_interval_bytes())),
                               header.sampling_interval_bytes() == 1 ? " (exact)" : "")
                : "off");
  if (header.has_random_seed()) rows->add("capture", "seed", absl::StrCat(header.random_seed()));
  rows->add("capture", "unwinder", snapshot.snapshotText(header.unwinder()));
  std::vector<std::string> options;
  for (int i = 0; i < std::min(header.option_keys_size(), header.option_values_size()); ++i) {
    options.push_back(absl::StrCat(snapshot.snapshotText(header.option_keys(i)), "=",
                                   snapshot.snapshotText(header.option_values(i))));
  }
  rows->add("capture", "options", absl::StrJoin(options, ","));
}

void aboutHeap(const model::Snapshot& snapshot, InfoRows* rows) {
  const heapprof::HeapSnapshot& heap = snapshot.heap();
  const heapprof::Geometry& geometry = heap.header().geometry();
  if (geometry.page_bytes() != 0) {
    rows->add("heap", "geometry",
              absl::StrCat("pages ", bytesText(static_cast<double>(geometry.page_bytes())), ", huge pages ",
                           geometry.huge_page_bytes() == 0
                               ? "unknown"
                               : bytesText(static_cast<double>(geometry.huge_page_bytes())),
                           ", granules ", bytesText(static_cast<double>(geometry.granule_bytes()))));
  }
  const heapprof::Totals& totals = heap.totals();
  auto figure = [rows](absl::string_view name, bool has, std::uint64_t bytes) {
    rows->add("heap", name, has ? bytesText(static_cast<double>(bytes)) : "unknown");
  };
  figure("kernel RSS", totals.has_kernel_rss_bytes(), totals.kernel_rss_bytes());
  figure("peak RSS", totals.has_peak_rss_bytes(), totals.peak_rss_bytes());
  figure("live", totals.has_live_bytes(), totals.live_bytes());
  if (totals.has_live_objects()) rows->add("heap", "live objects", count(totals.live_objects()));
  figure("allocated since start", totals.has_cumulative_allocated_bytes(),
         totals.cumulative_allocated_bytes());
  std::vector<std::string> parts;
  const auto part = [&parts](int number, absl::string_view one, absl::string_view many) {
    if (number > 0)
      parts.push_back(absl::StrCat(count(static_cast<std::uint64_t>(number)), " ", number == 1 ? one : many));
  };
  part(heap.size_classes().size_size(), "size class", "size classes");
  part(heap.extents().start_delta_size(), "extent", "extents");
  part(heap.huge_pages().index_delta_size(), "huge page", "huge pages");
  part(heap.samples().address_size(), "live sample", "live samples");
  part(heap.stacks().id_size(), "stack", "stacks");
  part(heap.threads().id_size(), "thread", "threads");
  part(heap.purges().events_size(), "purge", "purges");
  part(heap.timeline().time_nanos_size(), "second of timeline", "seconds of timeline");
  rows->add("heap", "parts", absl::StrJoin(parts, ", "));
}

// Everything that a reader must not take for zero or for exact.
void aboutUnknown(const model::Snapshot& snapshot, InfoRows* rows) {
  constexpr absl::string_view kGroup = "could not know";
  for (const std::string& note : snapshot.symbolNotes()) rows->add(kGroup, "symbols", note);
  if (snapshot.columns().unknownFields > 0) {
    rows->add(kGroup, "later format",
              absl::StrCat(snapshot.columns().unknownFields,
                           " fields of a later version were passed over; use a newer heapprof"));
  }
  if (!snapshot.hasHeapSnapshot()) {
    rows->add(kGroup, "heap", "everything but stacks: this file has no heap snapshot");
    return;
  }
  const heapprof::Header& header = snapshot.heap().header();
  if (!header.has_sampling_interval_bytes()) {
    rows->add(kGroup, "stacks",
              "sampling was off: no stacks, and what was requested is unknown (HEAPPROF=sample=512k)");
  }
  if (header.lost_records() > 0) {
    rows->add(kGroup, "lost", absl::StrCat(header.lost_records(), " samples were lost for want of memory"));
  }
  if (header.interval_doublings() > 0) {
    rows->add(kGroup, "interval",
              absl::StrCat("doubled ", header.interval_doublings(),
                           " times by the cap on records: errors are larger"));
  }
  for (const heapprof::Capability& capability : header.capabilities()) {
    const std::string detail(snapshot.snapshotText(capability.detail()));
    const absl::string_view name = snapshot.snapshotText(capability.name());
    // Stacks were walked without it: nothing is missing.
    const bool spared = name == "libunwind" && !snapshot.snapshotText(header.unwinder()).empty();
    rows->add(capability.state() == heapprof::WORKS || spared ? "capabilities" : kGroup, name,
              absl::StrCat(availabilityText(capability.state()), spared ? " (not needed)" : "",
                           detail.empty() ? "" : ": ", detail));
  }
}

}  // namespace

absl::StatusOr<model::Table> info(const model::SnapshotPtr& snapshot) {
  if (snapshot == nullptr) return absl::InvalidArgumentError("there is no snapshot");
  InfoRows rows;
  aboutFile(*snapshot, &rows);
  if (snapshot->hasHeapSnapshot()) {
    aboutProgram(*snapshot, &rows);
    aboutCapture(*snapshot, &rows);
    aboutHeap(*snapshot, &rows);
  }
  aboutUnknown(*snapshot, &rows);
  return std::move(rows).table();
}

}  // namespace heapprof::analysis
