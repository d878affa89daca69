// `heapprof merge FILE|FOLDER|@LIST... -o OUT`: many dumps as one, as pprof merges them; a fleet's dumps of
// one service.
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_files.h"
#include "profiler/cli/dump_files.h"
#include "profiler/cli/output.h"
#include "profiler/cli/progress.h"
#include "profiler/cli/verbs.h"

namespace heapprof::cli {
namespace {

std::vector<std::string> files;
std::string outputFile, compression = "gzip";
bool skipBroken = false;
FleetFlags fleet;

// What an earlier merge left in the folder that is merged now is no dump of it.
void leaveOutTheOutput(std::vector<DumpFile>* dumps) {
  std::erase_if(*dumps, [](const DumpFile& dump) {
    std::error_code ignored;
    return dump.isFound && std::filesystem::equivalent(dump.path, outputFile, ignored);
  });
}

absl::StatusOr<formats::ProfileColumns> merged(const std::vector<DumpFile>& dumps, LeftOut* left) {
  Progress progress;
  std::vector<std::string> paths;
  for (const DumpFile& dump : dumps) paths.push_back(dump.path);
  std::size_t current = 0;
  formats::MergeFilesOptions options;
  options.progress = [&](std::size_t done, std::size_t total) {
    current = done;
    return progress.count("merging", done, total);
  };
  options.skip = [&](const absl::Status& fault) {
    if (!dumps[current].isFound && !skipBroken) return false;
    return left->add(fault);
  };
  absl::StatusOr<formats::ProfileColumns> result = formats::mergeFiles(paths, options);
  // None left: why says more than that there is nothing.
  if (!result.ok() && left->count() == paths.size()) return left->first();
  return result;
}

}  // namespace

void addMergeFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps, or any profiles of one kind; folders of them, or @LIST").required();
  app.addOption("-o,--output", outputFile, "where to write; an older file is replaced by a whole new one")
      .required();
  addCompressionFlag(app, &compression);
  app.addFlag("--skip-broken", skipBroken, "leave out files named by hand, too, that cannot be read");
  fleet.add(app);
}

int runMerge() {
  if (fleet.strict && skipBroken) {
    return fail(absl::InvalidArgumentError("merge: give one of --strict and --skip-broken"));
  }
  if (fleet.quiet) silenceProgress();
  absl::StatusOr<std::vector<DumpFile>> dumps = dumpFiles(files);
  if (!dumps.ok()) return fail(dumps.status());
  leaveOutTheOutput(&*dumps);
  LeftOut left(fleet);
  const absl::StatusOr<formats::ProfileColumns> profile = merged(*dumps, &left);
  if (!profile.ok()) return fail(profile.status());
  left.tell(dumps->size());
  if (profile->hasHeapSnapshot && dumps->size() - left.count() > 1) {
    note("one heap map cannot be added to another: of pages and totals the last dump's are kept");
  }
  absl::Status written = formats::writeProfile(*profile, outputFile, compressionOf(compression));
  if (!written.ok()) return fail(written);
  std::printf("%s\n", outputFile.c_str());
  return kClean;
}

}  // namespace heapprof::cli
