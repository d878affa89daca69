// `heapprof frag FILE`: what the heap's memory is besides live objects, who pins it, what would come back.

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
  absl::StatusOr<analysis::FragResult> result = analysis::fragmentation(*query);
  if (!result.ok()) return fail(result.status());

  report::Document document;
  document.verb = "frag";
  document.facts = {
      report::numberFact("resident", "Heap, resident", model::Unit::kBytes, result->resident),
      report::numberFact("live", "Live objects", model::Unit::kBytes, result->live),
  };
  report::FragView view{query->snapshot.get(), &*result, 0, fullStacks, hugePages};
  view.rows = flags.rowLimit();
  document.text = [&view] { return report::fragText(view); };
  if (flags.format.wantsTables()) {
    document.tables = {result->levels, result->stacks, result->classes, result->occupancy, result->pages};
  }
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
