// Completion for bash, zsh and fish, made from the table of verbs: verbs, options, the values of those that
// have few, files elsewhere. Invariant: the same table gives the same bytes; no text can end its quotes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace heapprof::cli {

// Error for a shell that there is none for.
absl::StatusOr<std::string> completion(absl::string_view shell);

}  // namespace heapprof::cli
