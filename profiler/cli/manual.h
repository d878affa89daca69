// Man pages, made from the table of verbs: heapprof(1), and heapprof-VERB(1) for each.
// Invariant: the same table gives the same bytes (no date of the build); any text is escaped for roff.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "profiler/cli/verb.h"

namespace heapprof::cli {

std::string manPage();                  // heapprof(1)
std::string manPage(const Verb& verb);  // heapprof-VERB(1)

// All of them, as FOLDER/heapprof.1 and FOLDER/heapprof-VERB.1.
absl::Status writeManPages(const std::string& folder);

}  // namespace heapprof::cli
