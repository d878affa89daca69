// Text as XML holds it. Invariant: the result is well-formed UTF-8 without control characters, whatever comes
// in.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::report {

// For element text and attribute values alike: & < > " ' are escaped; what XML 1.0 cannot hold becomes '?'.
std::string xmlEscaped(absl::string_view text);

}  // namespace heapprof::report
