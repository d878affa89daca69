#include <utility>

#include "formats/pprof/read_profile.h"
#include "profiler/model/snapshot.h"
#ifdef HEAPPROF_HAVE_SYMBOLS
#include "profiler/symbols/symbolizer.h"
#endif

namespace heapprof::model {
namespace {

bool report(const LoadOptions& options, absl::string_view phase, double fraction) {
  return !options.progress || options.progress(phase, fraction);
}

bool hasBareLocations(const formats::LocationColumns& locations) {
  for (std::size_t i = 0; i < locations.size(); ++i) {
    if (locations.lineBegin[i] == locations.lineBegin[i + 1]) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<SnapshotPtr> loadSnapshot(const std::string& path, const LoadOptions& options) {
  formats::ReadOptions readOptions;
  readOptions.thread = options.thread;
  if (options.progress) {
    readOptions.progress = [&options](std::uint64_t done, std::uint64_t total) {
      return options.progress("reading",
                              total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total));
    };
  }
  absl::StatusOr<formats::ProfileColumns> columns = formats::readProfile(path, readOptions);
  if (!columns.ok()) return columns.status();

  std::vector<std::string> notes;
  if (options.symbolize && hasBareLocations(columns->locations)) {
    if (!report(options, "symbols", 0)) return absl::CancelledError("loading was cancelled");
#ifdef HEAPPROF_HAVE_SYMBOLS
    symbols::ResolveOptions resolveOptions;
    resolveOptions.progress = [&options](double fraction) { return report(options, "symbols", fraction); };
    absl::Status resolved = symbols::resolve(*columns, resolveOptions, &notes);
    if (!resolved.ok()) return resolved;
#endif
  }
  if (!report(options, "done", 1)) return absl::CancelledError("loading was cancelled");
  return std::make_shared<const Snapshot>(*std::move(columns), path, std::move(notes));
}

}  // namespace heapprof::model
