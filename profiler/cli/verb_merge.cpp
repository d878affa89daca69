// `heapprof merge FILE... -o OUT`: many dumps as one, as pprof merges them; a fleet's dumps of one service.
#include <cstdio>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_files.h"
#include "profiler/cli/output.h"
#include "profiler/cli/verbs.h"

namespace heapprof::cli {
namespace {

std::vector<std::string> files;
std::string outputFile, compression = "gzip";
bool skipBroken = false;

}  // namespace

void addMergeFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps, or any profiles of one kind").required();
  app.addOption("-o,--output", outputFile, "where to write; an older file is replaced by a whole new one")
      .required();
  addCompressionFlag(app, &compression);
  app.addFlag("--skip-broken", skipBroken, "leave out files that cannot be read, and say which");
}

int runMerge() {
  formats::MergeFilesOptions options;
  std::size_t left = 0;
  if (skipBroken) {
    options.skip = [&left](const absl::Status& wrong) {
      ++left;
      note(absl::StrCat("left out: ", wrong.message()));
      return true;
    };
  }
  absl::StatusOr<formats::ProfileColumns> merged = formats::mergeFiles(files, options);
  if (!merged.ok()) return fail(merged.status());
  if (merged->hasHeapSnapshot && files.size() - left > 1) {
    note(
        "one heap map cannot be added to another: of pages and totals the last dump's are kept, and no "
        "errors");
  }
  absl::Status written = formats::writeProfile(*merged, outputFile, compressionOf(compression));
  if (!written.ok()) return fail(written);
  std::printf("%s\n", outputFile.c_str());
  return kClean;
}

}  // namespace heapprof::cli
