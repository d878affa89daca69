// One binary of a dump, opened on this machine: is it still the one that ran, and what does it call an
// address.
//
// Invariant: once open() gave one the file's build id equals the dump's (or, where the dump has none, the
// file is older than the dump); frames() is asked only after attach() was OK: only that reads more than
// headers. Own libdwfl session: modules are resolved
// in parallel. Owner: one worker thread.
#pragma once

#include <cstdint>
#include <elfutils/libdwfl.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "formats/pprof/profile_columns.h"
#include "profiler/symbols/dwarf_index.h"
#include "profiler/symbols/elf_info.h"
#include "profiler/symbols/frame.h"
#include "profiler/symbols/symbol_table.h"

namespace heapprof::symbols {

struct ModuleRequest {
  std::string path;     // as in the dump; may end in " (deleted)"
  std::string buildId;  // hex; empty: the dump has none
  std::string sysroot;
  std::int64_t dumpNanos = 0;  // 0: unknown
};

class Module {
 public:
  // Errors are notes for the user: "libfoo.so: deleted since the dump; ...".
  static absl::StatusOr<std::unique_ptr<Module>> open(const ModuleRequest& request);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Opens what names are read from; the error is a note, too.
  absl::Status attach();

  // The file's own address of a run-time one in a mapping (elf_info.h).
  absl::StatusOr<std::uint64_t> inFile(std::uint64_t address, const formats::Mapping& mapping) const;
  // Innermost frame first; empty where nothing covers the file's own address.
  std::vector<Frame> frames(std::uint64_t inFile);

  const std::string& path() const { return path_; }
  const std::string& buildId() const { return info_.buildId; }  // the file's own; "": it has none

  bool hasDwarf() const { return dwarf_ != nullptr; }
  // What a user should know of the quality of the names; empty when there is nothing to say.
  std::string note();

 private:
  Module(ElfInfo info, std::string name, std::string path, std::string sysroot)
      : info_(std::move(info)),
        name_(std::move(name)),
        path_(std::move(path)),
        sysroot_(std::move(sysroot)) {}

  ElfInfo info_;
  std::string name_;  // the file's own name, without folders
  std::string path_, sysroot_;
  Dwfl_Callbacks callbacks_{};
  std::string debugPath_;
  char* debugPathPointer_ = nullptr;
  Dwfl* session_ = nullptr;
  Dwfl_Module* module_ = nullptr;
  std::uint64_t elfBias_ = 0;
  std::uint64_t dwarfBias_ = 0;
  std::unique_ptr<DwarfIndex> dwarf_;
  std::unique_ptr<SymbolTable> symbols_;
};

}  // namespace heapprof::symbols
