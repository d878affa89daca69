#include <utility>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_files.h"
#include "formats/pprof/read_profile.h"
#include "profiler/model/load_snapshots.h"
#include "profiler/model/snapshot.h"
#ifdef HEAPPROF_HAVE_SYMBOLS
#include "profiler/symbols/symbol_cache.h"
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

absl::StatusOr<formats::ProfileColumns> readOne(const std::string& path, const LoadOptions& options) {
  formats::ReadOptions readOptions;
  readOptions.thread = options.thread;
  if (options.progress) {
    readOptions.progress = [&options](std::uint64_t done, std::uint64_t total) {
      return report(options, "reading",
                    total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total));
    };
  }
  return formats::readProfile(path, readOptions);
}

absl::StatusOr<formats::ProfileColumns> readAll(const std::vector<std::string>& paths,
                                                const LoadOptions& options) {
  formats::MergeFilesOptions merge;
  merge.read.thread = options.thread;
  merge.progress = [&options](std::size_t done, std::size_t total) {
    return report(options, "reading", static_cast<double>(done) / static_cast<double>(total));
  };
  return formats::mergeFiles(paths, merge);
}

// Names where they are lacking, then the snapshot.
absl::StatusOr<SnapshotPtr> finished(absl::StatusOr<formats::ProfileColumns> columns, const std::string& path,
                                     const LoadOptions& options) {
  if (!columns.ok()) return columns.status();
  std::vector<std::string> notes;
#ifdef HEAPPROF_HAVE_SYMBOLS
  symbols::rename(&*columns, options.names);  // what has names already
#endif
  if (options.symbolize && hasBareLocations(columns->locations)) {
    if (!report(options, "symbols", 0)) return absl::CancelledError("loading was cancelled");
#ifdef HEAPPROF_HAVE_SYMBOLS
    symbols::ResolveOptions resolveOptions;
    resolveOptions.sysroot = options.sysroot;
    resolveOptions.names = options.names;
    if (options.symbolCache) resolveOptions.cacheFolder = symbols::symbolCacheFolder();
    resolveOptions.progress = [&options](double fraction) { return report(options, "symbols", fraction); };
    absl::Status resolved = symbols::resolve(*columns, resolveOptions, &notes);
    if (!resolved.ok()) return resolved;
#endif
  }
  if (!report(options, "done", 1)) return absl::CancelledError("loading was cancelled");
  return std::make_shared<const Snapshot>(*std::move(columns), path, std::move(notes));
}

}  // namespace

absl::StatusOr<SnapshotPtr> loadSnapshot(const std::string& path, const LoadOptions& options) {
  return finished(readOne(path, options), path, options);
}

absl::StatusOr<SnapshotPtr> loadSnapshots(const std::vector<std::string>& paths, const LoadOptions& options) {
  if (paths.size() == 1) return loadSnapshot(paths.front(), options);
  if (paths.empty()) return absl::InvalidArgumentError("no file is given");
  return finished(readAll(paths, options), absl::StrCat(paths.front(), " and ", paths.size() - 1, " more"),
                  options);
}

}  // namespace heapprof::model
