// Names come from binaries and dumps of anybody's: none is made longer by being made readable, and a name
// that is not C++ stays as it is. Input: a readable name, a NUL, the linker's.
#include <algorithm>

#include "profiler/symbols/name_level.h"
#include "profiler/symbols/readable_name.h"
#include "profiler/symbols/symbolizer.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace symbols = heapprof::symbols;
  using heapprof::fuzz::require;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = std::min(input.find('\0'), input.size());
  const absl::string_view readable = input.substr(0, nul);
  const absl::string_view linker = input.substr(std::min(nul + 1, input.size()));
  require(symbols::readableName(readable).size() <= readable.size(), "readable is no longer");
  require(symbols::withoutTemplates(readable).size() <= readable.size(), "without templates is no longer");
  const std::string plain = symbols::demangle(linker);
  require(linker.substr(0, 2) == "_Z" || plain == linker, "what is not mangled stays");
  for (const auto level :
       {symbols::NameLevel::kReadable, symbols::NameLevel::kFull, symbols::NameLevel::kNoTemplates,
        symbols::NameLevel::kShort, symbols::NameLevel::kLinker}) {
    const std::string name = symbols::nameAt(level, readable, linker);
    require(!name.empty() || readable.empty() || !linker.empty(), "a name does not vanish");
  }
  return 0;
}
