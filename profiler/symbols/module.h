// One binary of a dump, opened on this machine: is it still the one that ran, and what does it call an
// address.
//
// Invariant: once open() says kReady the file's build id equals the dump's (or, where the dump has none, the
// file is older than the dump); otherwise frames() is never asked. Own libdwfl session: modules are resolved
// in parallel. Owner: one worker thread.
#pragma once

#include <cstdint>
#include <elfutils/libdwfl.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

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

  // Innermost frame first; empty where nothing covers the address.
  std::vector<Frame> frames(std::uint64_t address, std::uint64_t start, std::uint64_t limit,
                            std::uint64_t fileOffset);

  bool hasDwarf() const { return dwarf_ != nullptr; }
  // What a user should know of the quality of the names; empty when there is nothing to say.
  std::string note();

 private:
  Module(ElfInfo info, std::string name) : info_(std::move(info)), name_(std::move(name)) {}
  absl::Status attach(const ModuleRequest& request, const std::string& path);

  ElfInfo info_;
  std::string name_;  // the file's own name, without folders
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
