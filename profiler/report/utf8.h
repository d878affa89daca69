// Names come from other people's binaries: what is not UTF-8 is made so before it goes into a document.
// Invariant: pure; what is valid passes unchanged.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::report {

// Length of the valid UTF-8 sequence at the start of a text that is not empty; 0: there is none. Codes that
// XML 1.0 has no place for (U+FFFE, U+FFFF, surrogates) do not count as valid.
std::size_t utf8Length(absl::string_view text);

// Bytes that are part of no valid sequence become U+FFFD, one each.
std::string madeUtf8(absl::string_view text);

}  // namespace heapprof::report
