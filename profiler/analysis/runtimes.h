// Programs whose own code malloc does not see: scripts, byte code, code generated while running. What their
// stacks name instead, where their memory lies, and which tool shows more.
//
// Invariant: pure; told by the files that the dump says were mapped and by the functions in its stacks.
#pragma once

#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

struct LanguageRuntime {
  const char* language;  // "Python"
  const char* files;     // expression for a mapped file's base name; null: not told by files
  const char* function;  // expression for a function in the stacks; null: not told by functions
  const char* sees;      // what stacks show, and where the rest lies
  const char* more;      // what would show more
};

// Null where the program is none of those known.
const LanguageRuntime* languageRuntimeOf(const model::Snapshot& snapshot);

}  // namespace heapprof::analysis
