// What all verbs do alike: load a dump with progress, print errors and notes, write the document.
//
// Invariant: data goes to stdout, everything else to stderr; an error is one line that starts with "heapprof:
// ".
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/cli/verb.h"
#include "profiler/model/snapshot.h"
#include "profiler/report/document.h"

namespace CLI {
class App;
}

namespace heapprof::cli {

// A bar on stderr where that is a terminal and the file is large enough to take a while.
absl::StatusOr<model::SnapshotPtr> load(const std::string& path, bool symbolize = true,
                                        const std::string& thread = "");

// --format: of those that can be written; any other is refused before anything is read.
void addFormatFlag(CLI::App& app, std::string* format);

// Prints the error, returns kUsageOrInputError.
int fail(const absl::Status& status);
void note(absl::string_view text);

// In the format given; notes of text go to stderr, those of other formats into the document. Returns the exit
// code.
int write(const std::string& format, const report::Document& document);

}  // namespace heapprof::cli
