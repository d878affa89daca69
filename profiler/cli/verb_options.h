// A verb's options as plain data, read out of its parser: what man pages and completions are made from, so
// that they cannot say anything else than the parser does.
// Invariant: in the order of the verb's file; --help is left out.
#pragma once

#include <string>
#include <vector>

#include "profiler/cli/verb.h"

namespace heapprof::cli {

struct OptionFacts {
  std::vector<std::string> names;    // "-o", "--output"; none of what is given by its place
  std::string positional;            // "FILE"; "" of what is given by name
  std::string help, group;           // group: "Metric", ...; "" where it belongs to none
  std::string fallback;              // its default, as the parser shows it
  std::vector<std::string> choices;  // values that are taken, where they are few
  bool takesValue = false, required = false, repeats = false;
};

std::vector<OptionFacts> optionsOf(const Verb& verb);

}  // namespace heapprof::cli
