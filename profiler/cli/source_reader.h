// Finds and reads source files as pprof does: an absolute path as it is; a relative one, and one that holds
// the name of the searched folder, below each folder of the search path and below its parents. Invariant: a
// file is read once; errors are pprof's words, as they stand in its listing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace heapprof::cli {

class SourceReader {
 public:
  // `searchPath`: folders with colons between; "": the working folder.
  explicit SourceReader(std::string searchPath);

  // Lines first to last, from 1; fewer where the file ends.
  absl::StatusOr<std::vector<std::string>> lines(const std::string& file, std::int64_t first,
                                                 std::int64_t last);

 private:
  absl::StatusOr<std::vector<std::string>> readWhole(const std::string& file) const;
  std::string trimmed(const std::string& file) const;

  std::string searchPath_;
  std::map<std::string, absl::StatusOr<std::vector<std::string>>> files_;
};

}  // namespace heapprof::cli
