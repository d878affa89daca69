// Names for addresses: ELF, build ids, DWARF 4 and 5 with inlines, demangling, by elfutils, in-process, one
// module a worker. Never forks, never guesses: a binary that is gone or has another build id is said to be
// so.
//
// Invariant: resolve() only fills locations that have no lines; locations that could not be resolved keep
// none. The location's address is a return address minus one, so it lies inside the call.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/profile_columns.h"
#include "profiler/symbols/name_level.h"

namespace heapprof::symbols {

struct ResolveOptions {
  std::string sysroot;                            // prefix for binaries of another host
  std::string cacheFolder;                        // of names found before (symbol_cache.h); "": none
  NameLevel names = NameLevel::kReadable;         // of the functions that are added
  std::function<bool(double fraction)> progress;  // false cancels; may be empty
};

// Adds functions and lines to `profile` (and marks mappings); appends one line a module that could not be
// (fully) resolved to `notes`: "libfoo.so: deleted since the dump", "…: build id differs", "…: no debug
// information, names from its symbol table". Generated code is named by /tmp/perf-PID.map (perf_map.h), where
// the dump says which process it is of.
absl::Status resolve(formats::ProfileColumns& profile, const ResolveOptions& options,
                     std::vector<std::string>* notes);

// C++ and Rust names as people read them; others unchanged.
std::string demangle(absl::string_view mangled);

}  // namespace heapprof::symbols
