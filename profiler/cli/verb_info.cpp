// `heapprof info`: what a dump holds, when and how it was taken, what it could not know.

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/info_text.h"

namespace heapprof::cli {
namespace {

std::string file;
Format format;

}  // namespace

void addInfoFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump, or any pprof profile").required();
  addFormatFlag(app, &format);
}

int runInfo() {
  absl::StatusOr<model::SnapshotPtr> snapshot = load(file);
  if (!snapshot.ok()) return fail(snapshot.status());
  absl::StatusOr<model::Table> table = analysis::info(*snapshot);
  if (!table.ok()) return fail(table.status());
  report::Document document;
  document.verb = "info";
  document.tables.push_back(*table);
  document.text = [&table] { return report::infoText(*table); };
  return write(format, std::move(document));
}

}  // namespace heapprof::cli
