// What all verbs do alike: load a dump with progress, print errors and notes, write the document.
//
// Invariant: data goes to stdout, everything else to stderr; an error is one line that starts with "heapprof:
// ".
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "formats/pprof/write_profile.h"
#include "profiler/cli/symbol_flags.h"
#include "profiler/cli/verb.h"
#include "profiler/model/snapshot.h"
#include "profiler/report/document.h"

namespace heapprof::cli {

// A bar on stderr where that is a terminal and the file is large enough to take a while.
absl::StatusOr<model::SnapshotPtr> load(const std::string& path);

// Several as one, merged as pprof merges them; folders and @LIST stand for the dumps they name
// (dump_files.h).
absl::StatusOr<model::SnapshotPtr> load(const std::vector<std::string>& paths, const SymbolFlags& symbols,
                                        const std::string& thread);

// --format and --table. Text is a layout of the verb's own; all others are made of its tables.
struct Format {
  std::string name = "text";
  std::string table;
  bool wantsTables() const { return name != "text"; }
};
// Of those that can be written; any other is refused before anything is read.
void addFormatFlag(FlagSet& app, Format* format);

// Prints the error, returns kUsageOrInputError.
int fail(const absl::Status& status);
void note(absl::string_view text);

// In the format given; notes of text go to stderr, those of other formats into the document. Returns the exit
// code.
int write(const Format& format, report::Document document);

// To the file, which appears whole or not at all, or to stdout for "". A file's name is printed. Returns the
// exit code.
int writeText(const std::string& path, const std::string& text);

// --compression, for verbs that write dumps.
void addCompressionFlag(FlagSet& app, std::string* name);
formats::Compression compressionOf(const std::string& name);

}  // namespace heapprof::cli
