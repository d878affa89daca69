// Function names by an ELF file's symbol tables (its own, its split debug file's, .gnu_debugdata), for what
// DWARF lacks.
//
// Invariant: built once, on the first question. A name is given only for addresses that the symbol covers:
// between the exported functions of a stripped library there are others, and the nearest name would be a
// guess. Symbols without a size (assembly) reach to the next symbol. Owner: one Module, one thread.
#pragma once

#include <cstdint>
#include <elfutils/libdwfl.h>

#include "profiler/symbols/range_map.h"

namespace heapprof::symbols {

class SymbolTable {
 public:
  explicit SymbolTable(Dwfl_Module* module) : module_(module) {}  // borrowed; outlives this

  // The linker's name of the function that covers a module address (with the module's bias); null: none.
  const char* find(std::uint64_t address);

  // Whether there is a full table (.symtab), not only the exported names.
  bool isFull();

 private:
  void build();

  Dwfl_Module* module_;
  bool built_ = false;
  bool full_ = false;
  RangeMap<const char*> names_;
};

}  // namespace heapprof::symbols
