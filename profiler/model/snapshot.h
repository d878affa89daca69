// A dump, loaded: immutable, shared by every analysis and every page. Columns of the file plus what is
// derived once.
//
// Invariant: after load nothing changes; every function is const and thread-safe. A diff is two Snapshots in
// a Query, never a merged one. Symbols are part of loading: locations without functions have been resolved as
// far as the binaries allow, and `symbolNotes()` says what could not be.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

#include "formats/pprof/profile_columns.h"
#include "profiler/symbols/frame.h"
#include "profiler/symbols/name_level.h"

namespace heapprof::model {

class Snapshot;
using SnapshotPtr = std::shared_ptr<const Snapshot>;

using symbols::kUnnamedCode;  // what a location is called that nothing names

struct LoadOptions {
  bool symbolize = true;  // resolve locations that carry no function, by the binaries on this machine
  std::string sysroot;    // prefix for binaries of another host
  symbols::NameLevel names = symbols::NameLevel::kReadable;  // of all functions
  bool symbolCache = true;  // names found before are taken from disk, and new ones put there
  std::string thread;       // of a jemalloc profile, only this thread's rows
  // Called on the loading thread with what is being done ("reading", "symbols") and the fraction done in [0,
  // 1]. Returning false cancels: absl::CancelledError.
  std::function<bool(absl::string_view phase, double fraction)> progress;
};

absl::StatusOr<SnapshotPtr> loadSnapshot(const std::string& path, const LoadOptions& options = {});

class Snapshot {
 public:
  // Takes validated columns (for tests, generators and loadSnapshot).
  Snapshot(formats::ProfileColumns columns, std::string path, std::vector<std::string> symbolNotes);

  const std::string& path() const { return path_; }
  const formats::ProfileColumns& columns() const { return columns_; }
  const std::vector<std::string>& symbolNotes() const { return symbolNotes_; }

  absl::string_view text(formats::StringIndex index) const { return columns_.strings[index]; }
  // A string of HeapSnapshot's own table; "" when out of range.
  absl::string_view snapshotText(std::uint32_t index) const;

  bool hasHeapSnapshot() const { return columns_.hasHeapSnapshot; }
  const heapprof::HeapSnapshot& heap() const { return columns_.heapSnapshot; }
  // Its stacks are unknown, not none: a dump of ours, taken while sampling was off, that holds no sample.
  bool isUnsampled() const {
    return hasHeapSnapshot() && columns_.samples.size() == 0 &&
           !heap().header().has_sampling_interval_bytes();
  }

  // Index of a sample type by name, of the default one for ""; nullopt: the dump lacks it.
  absl::optional<std::size_t> sampleType(absl::string_view name) const;
  std::vector<std::string> sampleTypeNames() const;
  absl::string_view sampleTypeUnit(std::size_t type) const;

  // Row of Stacks for a sample row, for raw counts, variances and lifetimes; nullopt for other tools'
  // profiles.
  absl::optional<std::size_t> stackRow(std::size_t sampleRow) const;
  // Variance of a sample's value in a type (bytes squared or objects squared); nullopt: not known for this
  // type.
  absl::optional<double> variance(std::size_t sampleRow, std::size_t sampleType) const;

 private:
  formats::ProfileColumns columns_;
  std::string path_;
  std::vector<std::string> symbolNotes_;
  std::vector<std::uint32_t> stackRowOfSample_;  // 0xffffffff: none
};

}  // namespace heapprof::model
