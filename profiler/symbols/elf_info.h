// What an ELF file says of itself without its DWARF: its kind, build id, loader, needed libraries, segments,
// and which of some names it defines. The symbolizer checks a binary against a dump with it; `heapprof run`
// looks at a target.
//
// Invariant: a value, complete once returned; the file is closed again. Thread-safe; call initElf() is
// implied. Errors are one line: "FILE: what is wrong".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace heapprof::symbols {

struct ElfSegment {  // PT_LOAD
  std::uint64_t fileOffset = 0;
  std::uint64_t address = 0;
  std::uint64_t fileBytes = 0;
  std::uint64_t memoryBytes = 0;
  bool executable = false;
};

struct ElfInfo {
  bool is64 = false;
  std::uint16_t type = 0;     // ET_EXEC, ET_DYN, ...
  std::uint16_t machine = 0;  // EM_X86_64, ...
  bool hasDynamic = false;    // a PT_DYNAMIC segment
  bool isGo = false;          // made by Go's linker
  std::string interpreter;    // PT_INTERP; empty: no dynamic loader
  std::string buildId;        // lower-case hex; empty: none
  std::vector<std::string> needed;
  std::vector<ElfSegment> segments;
};

absl::StatusOr<ElfInfo> readElfInfo(const std::string& path);

// Those of `names` that the file defines as functions in its dynamic or its full symbol table.
absl::StatusOr<std::vector<std::string>> definedFunctions(const std::string& path,
                                                          absl::Span<const char* const> names);

// File virtual address of a run-time address inside a mapping (start, limit, file offset) of this file. Takes
// both ways in which dumps describe modules: one row a segment, and one row that spans the whole module.
absl::StatusOr<std::uint64_t> fileAddress(const ElfInfo& info, std::uint64_t address, std::uint64_t start,
                                          std::uint64_t limit, std::uint64_t fileOffset);

}  // namespace heapprof::symbols
