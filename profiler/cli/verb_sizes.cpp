// `heapprof sizes FILE`: how requests fit the size classes, and classes that would fit better.

#include "absl/strings/str_join.h"

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/sizes_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string file;
std::size_t classes = 0;
bool fullStacks = false;

}  // namespace

void addSizesFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--classes", classes, "propose so many classes; 0: as many as the program uses")
      .within(0, 1000)
      .showDefault();
  flags.nodeCount = 8;
  flags.addStackFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many stacks; 0: all").showDefault();
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  flags.addFormat(app);
}

int runSizes() {
  absl::StatusOr<model::Query> query = flags.toQuery(file);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::SizesResult> result = analysis::sizes(*query, classes);
  if (!result.ok()) return fail(result.status());
  report::Document document;
  document.verb = "sizes";
  document.facts = {
      report::numberFact("requested", "Requested", model::Unit::kBytes, result->requested),
      report::numberFact("slots", "Slots", model::Unit::kBytes, result->slotBytes),
      report::numberFact("saved", "Saved", model::Unit::kBytes, result->saved, result->savedError),
      report::numberFact("saved_held_out", "Saved, held out", model::Unit::kBytes, result->savedHeldOut),
      report::textFact("used", "Classes in use", absl::StrJoin(result->used, " ")),
      report::textFact("proposed", "Proposed", absl::StrJoin(result->proposed, " "))};
  document.text = [&] { return report::sizesText(*query->snapshot, *result, flags.rowLimit(), fullStacks); };
  if (flags.format.wantsTables()) document.tables = {result->classes, result->misfits};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
