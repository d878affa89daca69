// Names of code that a just-in-time compiler generated: /tmp/perf-PID.map, as perf reads it, a line a
// function: START SIZE NAME, the first two in hexadecimal. Written by node --perf-basic-prof, python3 -X
// perf, java with perf-map-agent or -XX:+DumpPerfMapAtExit, LuaJIT and others.
//
// Invariant: of two lines that claim an address the later one is right: code was thrown away and its room
// used again. A file is believed only when it is the process's: ours or root's, and begun while the process
// ran, before the dump.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace heapprof::symbols {

// Whose dump it is. Times in ns since 1970; a pid of 0: not known, and no map is looked for.
struct RecordedProcess {
  std::uint64_t pid = 0, startNanos = 0, dumpNanos = 0;
};

class PerfMap {
 public:
  // Lines that are none are left out. Of names, the first 1,000 bytes are kept.
  static PerfMap parse(absl::string_view text);

  // Empty where there is no such file; an error of one line where there is one that is not to be believed or
  // that has more than 256 MiB. `sysroot` as in ResolveOptions.
  static absl::StatusOr<PerfMap> ofProcess(const RecordedProcess& process, const std::string& sysroot);

  absl::optional<absl::string_view> nameOf(std::uint64_t address) const;
  bool empty() const { return pieces_.empty(); }

 private:
  struct Piece {
    std::uint64_t end;  // exclusive
    std::size_t name;
  };
  void add(std::uint64_t start, std::uint64_t end, absl::string_view name);

  std::map<std::uint64_t, Piece> pieces_;  // by start; they do not overlap
  std::vector<std::string> names_;
};

}  // namespace heapprof::symbols
