// Which function owns an allocation: the first one from the leaf that is not plumbing, that is, not an
// allocator's entry, a wrapper that only renames it, or a standard library's container machinery. What is
// plumbing is one table of patterns, each with its reason (owner.cpp).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::analysis {

// `function` without arguments or with them; `module` may be "".
bool isPlumbing(absl::string_view function, absl::string_view module);

}  // namespace heapprof::analysis
