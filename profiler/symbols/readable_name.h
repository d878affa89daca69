// Shortens a demangled C++ name: no parameters, no return type, no template arguments that are there by
// default.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::symbols {

std::string readableName(absl::string_view full);

}  // namespace heapprof::symbols
