// Finds the verb, parses its flags, runs it.
//
// Invariant: returns the process's exit code and never throws; what is wrong with the command line is one
// line on stderr. A verb keeps its flags in globals of its file: one dispatch a process.
#pragma once

#include <string>
#include <vector>

namespace heapprof::cli {

// `arguments`: without the program's name.
int dispatch(const std::vector<std::string>& arguments);

}  // namespace heapprof::cli
