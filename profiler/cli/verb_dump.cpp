// `heapprof dump PID`: a dump of a running program, in a file of the asker's.
#include <cstdio>
#include <sys/stat.h>

#include "profiler/capture/live_dump.h"
#include "profiler/cli/output.h"
#include "profiler/cli/process_flags.h"
#include "profiler/cli/verbs.h"

namespace heapprof::cli {
namespace {

std::string pid, outputFile;

std::string folderOf(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

}  // namespace

void addDumpFlags(FlagSet& app) {
  addPidFlag(app, &pid);
  app.addOption("-o,--output", outputFile,
                "where to write; an older file is replaced by a whole new one; default "
                "heapprof.NAME.PID.N.pb.gz, N being the first that is free");
}

int runDump() {
  capture::removeStaleSockets();
  const absl::StatusOr<capture::Control> control = capture::Control::attach(pidOf(pid));
  if (!control.ok()) return fail(control.status());
  const std::string file = outputFile.empty() ? capture::freeDumpName(control->process()) : outputFile;
  const absl::StatusOr<capture::LiveDump> dump = capture::LiveDump::take(*control, folderOf(file));
  if (!dump.ok()) return fail(dump.status());
  const absl::Status saved = dump->saveAs(file);
  if (!saved.ok()) return fail(saved);
  // Into a pipe the dump itself went, and nothing may follow it.
  struct stat info {};
  if (stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode)) std::printf("%s\n", file.c_str());
  return kClean;
}

}  // namespace heapprof::cli
