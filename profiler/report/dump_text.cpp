#include "profiler/report/dump_text.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "profiler/analysis/analyses.h"
#include "profiler/model/units.h"

namespace heapprof::report {
namespace {

std::int64_t takenAt(const model::Snapshot& snapshot) {
  const std::uint64_t own = snapshot.heap().header().dump_time_nanos();
  return own != 0 ? static_cast<std::int64_t>(own) : snapshot.columns().timeNanos;
}

// Numbers of processes return; with the time of its start one is itself.
bool sameProcess(const heapprof::Header& a, const heapprof::Header& b) {
  return a.pid() != 0 && a.pid() == b.pid() && a.start_time_nanos() == b.start_time_nanos();
}

}  // namespace

std::string dumpText(const model::Snapshot& snapshot) {
  const heapprof::Header& header = snapshot.heap().header();
  std::string line = analysis::programName(snapshot);
  if (line.empty()) line = snapshot.path();
  if (header.pid() != 0) absl::StrAppend(&line, ", pid ", header.pid());
  if (takenAt(snapshot) != 0) {
    absl::StrAppend(
        &line, ", dumped ",
        absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixNanos(takenAt(snapshot)), absl::LocalTimeZone()));
  }
  const std::string reason = analysis::dumpReason(snapshot);
  if (!reason.empty()) absl::StrAppend(&line, takenAt(snapshot) != 0 ? " " : ", dumped ", reason);
  if (!snapshot.hasHeapSnapshot()) return line;
  if (!header.has_sampling_interval_bytes()) return absl::StrCat(line, ", sampling off");
  return absl::StrCat(line, ", one sample every ",
                      model::bytesText(static_cast<double>(header.sampling_interval_bytes())));
}

std::string earlierText(const model::Snapshot& base, const model::Snapshot& now) {
  if (!sameProcess(base.heap().header(), now.heap().header())) return dumpText(base);
  const std::int64_t nanos = takenAt(now) - takenAt(base);
  if (nanos == 0) return "the same process";
  return absl::StrCat("the same process, ", model::scaledLabel(std::abs(nanos), "ns", "auto"),
                      nanos > 0 ? " earlier" : " later");
}

}  // namespace heapprof::report
