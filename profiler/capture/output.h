// Where dumps go, and which ones came: a template for the runtime, checked and made absolute before the
// program starts (it may change its folder), and the list of files that match it.
//
// Invariant: prepareOutput() returned OK means a file could be created in the folder a moment ago.
// Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace heapprof::capture {

struct Output {
  std::string folder;               // as far as it is known before the program runs
  std::string pathTemplate;         // absolute, with %e %h %p %t %n
  std::vector<std::string> before;  // files that matched before the start
};

// "" is the current folder; a value that names a file or holds '%' in its last part is a template, any other
// a folder, which is made. Errors say why no dump could be written there.
absl::StatusOr<Output> prepareOutput(const std::string& requested);

// Files of the template that were not there before, oldest first.
std::vector<std::string> newDumps(const Output& output);
// "…tmp" files of the template: dumps that were cut off while being written.
std::vector<std::string> cutOffDumps(const Output& output);

}  // namespace heapprof::capture
