// pprof's habit: one dash before a long name ("-focus=x"). Turned into two for the parser, for names the verb
// knows. Invariant: what follows "--", values, and unknown names are left as they are.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace heapprof::cli {

std::vector<std::string> normalizedArguments(std::vector<std::string> arguments, const CLI::App& app);

// Of `known`, the one that `typed` most likely meant; "" when none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& known);

}  // namespace heapprof::cli
