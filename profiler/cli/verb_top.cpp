// `heapprof top`: pprof's `top`, byte for byte.

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/top_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;

}  // namespace

void addTopFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps, or any pprof profiles; several are merged").required();
  flags.addFilters(app);
  flags.addSorting(app);
  flags.addBaseline(app);
  flags.addFormat(app);
}

int runTop() {
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::TopResult> result = analysis::top(*query);
  if (!result.ok()) return fail(result.status());

  report::Document document;
  document.verb = "top";
  const model::Unit unit = analysis::unitOf(result->unit);
  document.facts = {
      report::textFact("metric", "Metric", result->metric),
      report::numberFact("total", "Total", unit, result->total / query->divideBy),
      report::numberFact("shown", "Shown", unit, result->shownFlat / query->divideBy),
      report::numberFact("dropped_nodes", "Dropped nodes", model::Unit::kCount, result->droppedNodes),
      report::numberFact("drop_below_cum", "Dropped below", unit, result->dropBelowCum / query->divideBy),
  };
  document.notes = result->table.notes;
  document.fixedText = true;
  document.text = [&query, &result] { return report::topText(*query, *result); };
  if (flags.format.wantsTables()) {
    document.tables.push_back(divided(result->table, *query));
  }
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
