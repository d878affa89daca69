// Which files are meant: what FILE... stands for on every verb, and what becomes of those that cannot be
// read.
//
// Invariant: a folder stands for all dumps in it, by name, not those of folders below; hidden files and
// unfinished ones (.tmp) are none. "@LIST" stands for the names in LIST, one a line ("@-": standard input),
// so that no limit on arguments counts. A file that is named by hand must be readable; one that was found in
// a folder or a list may not be, and is told on one line, up to kMostTold of them, and counted.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace heapprof::cli {

class FlagSet;

struct DumpFile {
  std::string path;
  bool isFound = false;  // in a folder or a list
};
// In the order given. Empty folders, lists and names are errors; whether a file is there is not looked at.
absl::StatusOr<std::vector<DumpFile>> dumpFiles(const std::vector<std::string>& arguments);
absl::StatusOr<std::vector<std::string>> dumpPaths(const std::vector<std::string>& arguments);

// --strict and --quiet, for verbs that read many dumps one by one.
struct FleetFlags {
  bool strict = false, quiet = false;
  void add(FlagSet& app);
};

// The files of a fleet that are left out. An error is one line: they are told once there is a result.
class LeftOut {
 public:
  explicit LeftOut(const FleetFlags& flags) : flags_(flags) {}

  // True: go on without the file; false: --strict, and the fault ends it all.
  bool add(const absl::Status& fault);
  std::size_t count() const { return count_; }
  const absl::Status& first() const { return first_; }
  // Each on a line, and how many of how many; nothing where there was none.
  void tell(std::size_t files) const;

 private:
  static constexpr std::size_t kMostTold = 20;
  const FleetFlags& flags_;
  std::size_t count_ = 0;
  absl::Status first_;
  std::vector<std::string> lines_;
};

}  // namespace heapprof::cli
