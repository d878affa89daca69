// Frames of an address by DWARF 4 or 5 (split units included): the inlined frames innermost first, each with
// the line that is being executed in it.
//
// Invariant: units are indexed when opened; a unit's functions when an address first falls into it. Addresses
// are the DWARF's own (no load bias). Own indices, because .debug_aranges is missing from what clang makes,
// and because a search by libdw walks a whole unit for each address. Owner: one Module, one thread.
#pragma once

#include <cstdint>
#include <elfutils/libdw.h>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "profiler/symbols/frame.h"
#include "profiler/symbols/range_map.h"

namespace heapprof::symbols {

class DwarfIndex {
 public:
  explicit DwarfIndex(Dwarf* dwarf);  // borrowed; outlives this

  // Appends the frames; false when no unit or no function holds the address. `linkerName` (may be empty) is
  // what the symbol table says: some functions (local classes, lambdas) carry no linkage name in their DWARF.
  bool frames(std::uint64_t address, const std::string& linkerName, std::vector<Frame>* out);

  // The line alone, for assembly without function entries. False where there is none.
  bool line(std::uint64_t address, Frame* out);

  bool empty() const { return units_.empty(); }

 private:
  struct Unit {
    Dwarf_Die lines;   // the unit whose line table counts
    Dwarf_Die bodies;  // the unit that holds the functions: the split one where there is one
    bool isCpp = false;
    bool indexed = false;
    RangeMap<Dwarf_Die> functions;
  };
  struct Name {
    std::string name, systemName;
    std::int64_t startLine = 0;
  };

  void addUnit(Dwarf_Die die, Dwarf_Die bodies);
  void indexFunctions(Unit* unit, Dwarf_Die* parent, int depth);
  void inlineChain(Dwarf_Die function, std::uint64_t address, std::vector<Dwarf_Die>* chain) const;
  const Name& nameOf(const Unit& unit, Dwarf_Die* die, const std::string& linkerName);

  std::vector<Unit> units_;
  RangeMap<std::size_t> unitRanges_;
  absl::flat_hash_map<const void*, Name> names_;  // by the die's place in memory: unique over files
};

}  // namespace heapprof::symbols
