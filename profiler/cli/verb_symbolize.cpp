// `heapprof symbolize`: puts functions, files and lines into a dump, so that it can travel and every viewer
// shows the same names. What the file holds besides stays as it is, the heap snapshot included.
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"
#include "profiler/cli/output.h"
#include "profiler/cli/symbol_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/symbols/symbol_cache.h"
#include "profiler/symbols/symbolizer.h"

namespace heapprof::cli {
namespace {

std::string file, outputFile, compression = "gzip";
SymbolFlags flags;

std::string defaultOutput(absl::string_view path) {
  const bool zipped = absl::ConsumeSuffix(&path, ".gz");
  absl::ConsumeSuffix(&path, ".pb");
  return absl::StrCat(path, ".symbolized.pb", zipped || compression == "gzip" ? ".gz" : "");
}

}  // namespace

void addSymbolizeFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump, or any pprof profile").required();
  app.addOption("-o,--output", outputFile, "where to write (default: FILE with .symbolized before .pb)");
  addCompressionFlag(app, &compression);
  flags.addDetails(app);
}

int runSymbolize() {
  absl::StatusOr<formats::ProfileColumns> profile = formats::readProfile(file);
  if (!profile.ok()) return fail(profile.status());
  std::vector<std::string> notes;
  symbols::ResolveOptions options;
  options.sysroot = flags.sysroot;
  options.names = flags.level();
  if (!flags.noCache) options.cacheFolder = symbols::symbolCacheFolder();
  symbols::rename(&*profile, options.names);  // what has names already
  absl::Status resolved = symbols::resolve(*profile, options, &notes);
  if (!resolved.ok()) return fail(resolved);
  for (const std::string& line : notes) note(line);
  const std::string target = outputFile.empty() ? defaultOutput(file) : outputFile;
  absl::Status written = formats::writeProfile(*profile, target, compressionOf(compression));
  if (!written.ok()) return fail(written);
  std::printf("%s\n", target.c_str());
  return kClean;
}

}  // namespace heapprof::cli
