// @LIST, a file of names: each line that is no folder is a name, in order and unchanged; an error is one
// line.
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "profiler/cli/dump_files.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapprof::fuzz::require;
  const heapprof::fuzz::FileOfBytes list(data, size);
  const auto paths = heapprof::cli::dumpPaths({absl::StrCat("@", list.path())});
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    std::error_code ignored;
    if (std::filesystem::is_directory(line, ignored))
      return 0;  // stands for what lies in it, whatever that is
  }
  if (!paths.ok()) {
    heapprof::fuzz::requireOneLine(paths.status(), "an error");
    require(lines.empty(), "only an empty list is an error");
    return 0;
  }
  require(*paths == lines, "names are the lines");
  return 0;
}
