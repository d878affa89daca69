// Where names come from and how long they are: flags of all verbs that show stacks, and of symbolize.
// Invariant: the table of name levels is here and nowhere else.
#pragma once

#include <string>

#include "profiler/model/snapshot.h"
#include "profiler/symbols/name_level.h"

namespace heapprof::cli {

class FlagSet;

struct SymbolFlags {
  std::string source = "local", sysroot, demangle = "readable";
  bool noCache = false;

  void addSource(FlagSet& app);   // --symbolize
  void addDetails(FlagSet& app);  // --sysroot, --demangle, --no-symbol-cache
  bool wanted() const { return source == "local"; }
  symbols::NameLevel level() const;
  void putInto(model::LoadOptions* options) const;
};

}  // namespace heapprof::cli
