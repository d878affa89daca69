// Names that were found before, on disk: one file a binary, by its build id, so that a binary's debug
// information is walked once and not for every dump.
//
// The file is a pprof profile without samples, written and checked as all others (zstd, with its checksum):
// a location an address of the binary's own (no load bias), its lines the frames; comments hold the version
// of what finds names and the binary's size and time. Invariant: nothing is taken from a folder or a file
// that is not this user's alone to write, of another version, of another build id, or damaged; such a file
// counts as empty and is written anew, whole or not at all. Failing to write is no error. Only binaries with
// a build id of their own are kept, so what is found is of the very binary that ran. One worker owns one; two
// processes may use one folder (the last to write wins).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"

#include "formats/pprof/profile_columns.h"
#include "profiler/symbols/frame.h"

namespace heapprof::symbols {

// What HEAPPROF_SYMBOL_CACHE says: "off" for none, or a folder; by default heapprof/symbols in
// $XDG_CACHE_HOME or ~/.cache. "" where there is none to be had.
std::string symbolCacheFolder();

class SymbolCache {
 public:
  static constexpr std::uint64_t kFolderBytes = 256 << 20;  // all files together; the longest unused go first

  // `stamp` tells files of one build id apart (stampOf). An empty folder: nothing is kept.
  SymbolCache(const std::string& folder, const std::string& buildId, const std::string& stamp);

  // Frames, innermost first; none of an address that has no name; nullopt: not known yet.
  absl::optional<std::vector<Frame>> find(std::uint64_t address) const;
  // The same as a location of columns(), for who needs no copies of the names; kNoRow: not known yet.
  formats::Row rowOf(std::uint64_t address) const;
  const formats::ProfileColumns& columns() const { return columns_; }
  void add(std::uint64_t address, const std::vector<Frame>& frames);
  // What was added, besides what was there; nothing to write is nothing done.
  void save(std::uint64_t folderBytes = kFolderBytes);

  // Size and time of a binary: a build id stays when a file is stripped or gets its debug link later.
  static std::string stampOf(const std::string& path);

 private:
  void start(const std::string& buildId, const std::string& stamp);
  bool read();
  formats::StringIndex intern(const std::string& text);
  formats::Row function(const Frame& frame);

  std::string folder_, path_;  // path_ "": nothing is kept
  formats::ProfileColumns columns_;
  absl::flat_hash_map<std::uint64_t, formats::Row> rowOf_;
  absl::flat_hash_map<std::string, formats::StringIndex> strings_;  // filled by the first add()
  absl::flat_hash_map<std::pair<std::pair<formats::StringIndex, formats::StringIndex>,
                                std::pair<formats::StringIndex, std::int64_t>>,
                      formats::Row>
      functions_;
  std::size_t added_ = 0;
};

}  // namespace heapprof::symbols
