#include "profiler/cli/symbol_flags.h"

#include <vector>

#include "profiler/cli/flag_set.h"

namespace heapprof::cli {
namespace {

constexpr struct {
  const char* name;
  symbols::NameLevel level;
} kNameLevels[] = {{"readable", symbols::NameLevel::kReadable},
                   {"full", symbols::NameLevel::kFull},
                   {"templates", symbols::NameLevel::kNoTemplates},
                   {"short", symbols::NameLevel::kShort},
                   {"none", symbols::NameLevel::kLinker}};

constexpr char kGroup[] = "Symbols";

}  // namespace

void SymbolFlags::addSource(FlagSet& app) {
  app.addOption("--symbolize", source,
                "local: names from binaries on this machine; none: only those in the file")
      .oneOf({"local", "none"})
      .group(kGroup);
}

void SymbolFlags::addDetails(FlagSet& app) {
  app.addOption("--sysroot", sysroot, "look for binaries below this folder (a dump of another machine)")
      .group(kGroup);
  std::vector<std::string> levels;
  for (const auto& row : kNameLevels) levels.emplace_back(row.name);
  app.addOption("--demangle", demangle,
                "C++ names: readable, full with parameters, templates: without their arguments, short: the "
                "last two parts, none: the linker's")
      .oneOf(levels)
      .group(kGroup);
  app.addFlag("--no-symbol-cache", noCache,
              "neither take names from the cache on disk nor put them there; HEAPPROF_SYMBOL_CACHE=off "
              "does so for all, or names another folder")
      .group(kGroup);
}

symbols::NameLevel SymbolFlags::level() const {
  for (const auto& row : kNameLevels) {
    if (demangle == row.name) return row.level;
  }
  return symbols::NameLevel::kReadable;
}

void SymbolFlags::putInto(model::LoadOptions* options) const {
  options->symbolize = wanted();
  options->sysroot = sysroot;
  options->names = level();
  options->symbolCache = !noCache;
}

}  // namespace heapprof::cli
