// Shortens a demangled C++ name: no parameters, no return type, no template arguments that are there by
// default; or no template arguments at all.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::symbols {

std::string readableName(absl::string_view full);

// "std::map<int, char>::at" is "std::map::at"; the signs of an operator are no brackets. Of a readable name;
// what begins with a bracket ("<unknown>", "<T as Trait>::f") keeps it.
std::string withoutTemplates(absl::string_view readable);

}  // namespace heapprof::symbols
