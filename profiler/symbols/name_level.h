// How much of a C++ name is shown. Names in a profile are readable ones (no parameters, no default template
// arguments); the linker's name stands beside each and gives the longer forms back.
//
// Invariant: pure; a name that is not C++ is left as it is, at every level but kLinker.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::symbols {

enum class NameLevel {
  kReadable,     // std::vector<int>::push_back
  kFull,         // std::vector<int, std::allocator<int> >::push_back(int const&)
  kNoTemplates,  // std::vector::push_back
  kShort,        // vector::push_back: the last two parts, without templates
  kLinker,       // _ZNSt6vectorIiSaIiEE9push_backERKi
};

std::string nameAt(NameLevel level, absl::string_view readable, absl::string_view linkerName);

// Of all functions that the profile has by now.
void rename(formats::ProfileColumns* profile, NameLevel level);

}  // namespace heapprof::symbols
