// Maps of generated code with any content: each address has at most one name, and what the last good line
// says of its own addresses stands.
#include "profiler/symbols/perf_map.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapprof::fuzz::require;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string last = std::string(text) + "\n7f00 100 last one\n";
  const auto map = heapprof::symbols::PerfMap::parse(last);
  require(map.nameOf(0x7f00) == "last one" && map.nameOf(0x7fff) == "last one", "the last line stands");
  for (std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{0x7eff}, std::uint64_t{0x8000}, ~std::uint64_t{0}}) {
    const absl::optional<absl::string_view> name = map.nameOf(address);
    require(!name || name->size() <= 1000, "names are bounded");
  }
  return 0;
}
