// `heapprof diff BASE NEW`: what grew, what shrank, what is new, by stack, with errors.
#include <cmath>

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/diff_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string baseFile, newFile;
bool showTotals = false, fullStacks = false;

}  // namespace

void addDiffFlags(FlagSet& app) {
  app.addOption("BASE", baseFile, "the earlier dump").required();
  app.addOption("NEW", newFile, "the later dump").required();
  flags.nodeCount = 12;
  flags.addFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many stacks; 0: all").showDefault();
  app.addFlag("--normalize", flags.normalize, "scale the new dump to the base's total first");
  app.addFlag("--totals", showTotals, "all totals, size classes and huge pages side by side");
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  flags.addFormat(app);
}

int runDiff() {
  QueryFlags given = flags;
  given.base = {baseFile};
  absl::StatusOr<model::Query> query = given.toQuery(newFile);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<model::Table> stacks = analysis::diffStacks(*query);
  if (!stacks.ok()) return fail(stacks.status());
  absl::StatusOr<model::Table> totals = analysis::diffTotals(*query);
  if (!totals.ok()) return fail(totals.status());

  report::DiffView view;
  view.base = query->baseline.get();
  view.now = query->snapshot.get();
  view.stacks = &*stacks;
  view.totals = &*totals;
  view.rows = flags.rowLimit();
  view.allTotals = showTotals;
  view.fullStacks = fullStacks;
  const report::DiffSum sum = report::diffSum(*stacks);

  report::Document document;
  document.verb = "diff";
  const std::size_t metric = query->snapshot->sampleType(query->metric).value_or(0);
  const formats::ProfileColumns& columns = query->snapshot->columns();
  view.metric = std::string(query->snapshot->text(columns.sampleTypes[metric].type));
  const model::Unit unit = analysis::unitOf(query->snapshot->sampleTypeUnit(metric));
  document.facts = {
      report::textFact("metric", "Metric", view.metric),
      report::textFact("base", "Base", query->baseline->path()),
      report::textFact("new", "New", query->snapshot->path()),
      report::numberFact("base_total", "Base", unit, sum.base),
      report::numberFact("new_total", "New", unit, sum.now),
      report::numberFact("change", "Change", unit, sum.change, sum.error),
  };
  document.notes = stacks->notes;
  document.text = [&] { return report::diffText(view); };
  if (flags.format.wantsTables()) document.tables = {*stacks, *totals};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
