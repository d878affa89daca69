// `heapprof frag FILE [--base OTHER]`: what the heap's memory is besides live objects, who pins it, what
// would come back.

#include "profiler/analysis/against_base.h"
#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/frag_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string file;
bool fullStacks = false, hugePages = false;

}  // namespace

void addFragFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--base", flags.base, "an earlier dump: what changed since, row by row").onceEach();
  flags.nodeCount = 10;
  flags.addStackFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many rows a table; 0: all").showDefault();
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  app.addFlag("--pages", hugePages, "list the huge pages with most free, and who holds them");
  flags.addFormat(app);
}

int runFrag() {
  absl::StatusOr<model::Query> query = flags.toQuery(file);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::FragResult> result = analysis::againstBase(analysis::fragmentation, *query);
  if (!result.ok()) return fail(result.status());

  report::Document document;
  document.verb = "frag";
  document.facts = {
      report::numberFact("resident", "Heap, resident", model::Unit::kBytes, result->resident),
      report::numberFact("live", "Live objects", model::Unit::kBytes, result->live),
  };
  if (result->baseResident) {
    document.facts.push_back(report::numberFact("base_resident", "Heap, resident in the base",
                                                model::Unit::kBytes, *result->baseResident));
    document.facts.push_back(
        report::numberFact("base_live", "Live objects in the base", model::Unit::kBytes, *result->baseLive));
  }
  report::FragView view{query->snapshot.get(), &*result, 0, fullStacks, hugePages};
  view.rows = flags.rowLimit();
  document.text = [&] {
    return query->baseline ? report::fragChangeText(view, query->baseline->path()) : report::fragText(view);
  };
  if (flags.format.wantsTables()) {
    document.tables = {result->levels, result->stacks, result->classes, result->occupancy, result->pages};
  }
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
