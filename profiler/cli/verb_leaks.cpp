// `heapprof leaks FILE...`: what grows from dump to dump, what is old while its siblings die young.
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/leaks.h"
#include "profiler/cli/dump_files.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/leaks_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;
std::string suppressionFile;
bool listAll = false, fullStacks = false, failOnSuspects = false;

absl::StatusOr<std::vector<analysis::Suppression>> suppressions() {
  if (suppressionFile.empty()) return std::vector<analysis::Suppression>{};
  std::ifstream in(suppressionFile);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return absl::NotFoundError(absl::StrCat(suppressionFile, ": cannot be read; --suppressions FILE"));
  return analysis::parseSuppressions(text.str(), suppressionFile);
}

}  // namespace

void addLeaksFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps of one program, in any order; three or more show growth").required();
  flags.nodeCount = 12;
  flags.addStackFilters(app);
  app.addOption("--suppressions", suppressionFile, "a file of LeakSanitizer's format: lines leak:PATTERN");
  app.addFlag("--all", listAll, "list the stacks that are no suspects as well");
  app.addOption("--nodecount", flags.nodeCount, "show at most so many stacks; 0: all").showDefault();
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  app.addFlag("--fail", failOnSuspects, "exit with 1 when there are suspects");
  flags.addFormat(app);
}

int runLeaks() {
  absl::StatusOr<std::vector<analysis::Suppression>> suppressed = suppressions();
  if (!suppressed.ok()) return fail(suppressed.status());
  analysis::Histories histories;
  const absl::StatusOr<std::vector<std::string>> dumps = dumpPaths(files);
  if (!dumps.ok()) return fail(dumps.status());
  for (const std::string& file : *dumps) {
    absl::StatusOr<model::Query> query = flags.toQuery(file);
    absl::Status status = query.ok() ? histories.add(*query) : query.status();
    if (!status.ok()) return fail(status);
  }
  histories.finish();
  const analysis::LeakReport result = analysis::leakReport(histories, *std::move(suppressed));

  report::Document document;
  document.verb = "leaks";
  document.facts = {
      report::numberFact("dumps", "Dumps", model::Unit::kCount,
                         static_cast<double>(histories.dumps().size())),
      report::numberFact("suspects", "Suspects", model::Unit::kCount, static_cast<double>(result.suspects))};
  document.notes = result.stacks.notes;
  report::LeaksView view{&histories, &result, 0, listAll, fullStacks};
  view.rows = flags.rowLimit();
  document.text = [&view] { return report::leaksText(view); };
  if (flags.format.wantsTables()) document.tables = {result.stacks, result.verdicts, result.suppressed};
  const int status = write(flags.format, std::move(document));
  return status == kClean && failOnSuspects && result.suspects > 0 ? kGateTripped : status;
}

}  // namespace heapprof::cli
