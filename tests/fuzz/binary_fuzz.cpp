// A program's file, as the symbolizer and `heapprof run` look at it: ELF headers, symbol tables, DWARF.
// Errors and notes are one line; a named frame has a name.
#include "profiler/symbols/elf_info.h"
#include "profiler/symbols/module.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace symbols = heapprof::symbols;
  using heapprof::fuzz::require;
  using heapprof::fuzz::requireOneLine;
  const heapprof::fuzz::FileOfBytes file(data, size);
  constexpr const char* kNames[] = {"malloc", "main"};
  const auto info = symbols::readElfInfo(file.path());
  const auto defined = symbols::definedFunctions(file.path(), kNames);
  requireOneLine(info.status(), "an error of the headers");
  requireOneLine(defined.status(), "an error of the symbol table");
  if (!info.ok()) return 0;

  symbols::ModuleRequest request;
  request.path = file.path();
  request.buildId = info->buildId;
  auto module = symbols::Module::open(request);
  requireOneLine(module.status(), "an error of the module");
  if (!module.ok()) return 0;
  const absl::Status attached = (*module)->attach();
  requireOneLine(attached, "an error of its names");
  if (!attached.ok()) return 0;
  require((*module)->note().find('\n') == std::string::npos, "a note is one line");
  for (std::size_t i = 0; i < info->segments.size() && i < 8; ++i) {
    const symbols::ElfSegment& segment = info->segments[i];
    for (const std::uint64_t offset : {std::uint64_t{0}, segment.fileBytes / 2, segment.fileBytes - 1}) {
      for (const symbols::Frame& frame : (*module)->frames(segment.address + offset)) {
        require(!frame.name.empty() || !frame.file.empty(), "a frame says something");
      }
    }
  }
  return 0;
}
