// Names what a file is when it is no pprof profile, so that the error helps. Pure; thread-safe.
#pragma once

#include "absl/strings/string_view.h"

namespace heapprof::formats {

struct Foreign {
  const char* what = nullptr;  // null: nothing known
  const char* todo = nullptr;
};

// By the first bytes of the uncompressed file: certain signatures only.
Foreign recogniseForeign(absl::string_view head);

// Whether these bytes are text, for a file that did not decode.
bool looksLikeText(absl::string_view head);

}  // namespace heapprof::formats
