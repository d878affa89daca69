#include "tests/golden/profile_summary.h"

#include "absl/strings/str_cat.h"

namespace heapprof::golden {
namespace {

template <class Column>
std::uint64_t sumOf(const Column& column) {
  std::uint64_t sum = 0;  // modulo 2^64
  for (const auto value : column) {
    sum += static_cast<std::uint64_t>(value);
  }
  return sum;
}

void addSnapshot(const heapprof::HeapSnapshot& snapshot, std::string* out) {
  const heapprof::Header& header = snapshot.header();
  absl::StrAppend(out, "snapshot format ", header.format_version(), ", reason ",
                  heapprof::DumpReason_Name(header.reason()), ", pid ", header.pid(), "\n");
  absl::StrAppend(out, "kernel_rss ", snapshot.totals().kernel_rss_bytes(), ", live ",
                  snapshot.totals().live_bytes(), "\n");
  absl::StrAppend(out, "size_classes ", snapshot.size_classes().size_size(), "\n");
  const heapprof::Extents& extents = snapshot.extents();
  absl::StrAppend(out, "extents ", extents.start_delta_size(), ", bytes ", sumOf(extents.length_bytes()));
  if (extents.start_delta_size() != 0) {
    absl::StrAppend(out, ", last at ", absl::Hex(*extents.start_delta().rbegin()));
  }
  absl::StrAppend(out, "\nhuge_pages ", snapshot.huge_pages().index_delta_size(), ", indices add up to ",
                  sumOf(snapshot.huge_pages().index_delta()), ", used words ",
                  snapshot.huge_pages().used_granules_size(), "\n");
  absl::StrAppend(out, "live samples ", snapshot.samples().address_size(), ", bytes ",
                  sumOf(snapshot.samples().allocated_bytes()), "\n");
  absl::StrAppend(out, "purge events ", snapshot.purges().events_size(), ", timeline ",
                  snapshot.timeline().time_nanos_size(), ", threads ", snapshot.threads().id_size(),
                  ", stacks ", snapshot.stacks().id_size(), "\n");
  absl::StrAppend(out, "snapshot strings ", snapshot.string_table_size(), "\n");
}

}  // namespace

std::string summarise(const formats::ProfileColumns& profile) {
  std::size_t frames = 0;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) frames += profile.samples.locationsOf(i).size();
  std::string out =
      absl::StrCat("message bytes ", profile.messageBytes, ", unknown fields ", profile.unknownFields,
                   "\nstrings ", profile.strings.size(), ", mappings ", profile.mappings.size(),
                   ", functions ", profile.functions.size(), ", locations ", profile.locations.size(),
                   ", lines ", profile.locations.lineFunction.size(), "\nsamples ", profile.samples.size(),
                   ", frames ", frames, ", labels ", profile.samples.labels.key.size(), "\n");
  const std::size_t types = profile.sampleTypes.size();
  for (std::size_t type = 0; type < types; ++type) {
    std::uint64_t sum = 0;
    for (std::size_t i = type; i < profile.samples.values.size(); i += types) {
      sum += static_cast<std::uint64_t>(profile.samples.values[i]);
    }
    absl::StrAppend(&out, profile.strings[profile.sampleTypes[type].type], "/",
                    profile.strings[profile.sampleTypes[type].unit], " ", sum, "\n");
  }
  if (profile.hasHeapSnapshot) {
    addSnapshot(profile.heapSnapshot, &out);
  }
  return out;
}

}  // namespace heapprof::golden
