// The lines of a dump's RSS waterfall by name, as the file holds them, for the oracle.
//
// Invariant: a line that the dump does not know is not in the map. `unattributed` is RSS minus the sum of the
// lines that are parts of it; it is only there when all of them are known.
#pragma once

#include <map>
#include <string>

namespace heapprof::tests {

using Lines = std::map<std::string, double>;

// Empty, with a message on stderr, when the file cannot be read.
Lines waterfallOf(const std::string& path);

}  // namespace heapprof::tests
