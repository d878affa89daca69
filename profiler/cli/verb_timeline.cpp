// `heapprof timeline FILE`: how RSS and the heap went while the program ran, with what it marked.

#include "profiler/analysis/timeline.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/timeline_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string file;

}  // namespace

void addTimelineFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  flags.nodeCount = 24;
  app.addOption("--nodecount", flags.nodeCount, "about so many lines, evenly spaced in time; 0: all")
      .showDefault();
  flags.addFormat(app);
}

int runTimeline() {
  flags.symbols.source = "none";  // no stack is shown
  absl::StatusOr<model::Query> query = flags.toQuery(file);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::TimelineResult> result = analysis::timeline(*query);
  if (!result.ok()) return fail(result.status());
  report::Document document;
  document.verb = "timeline";
  document.facts.push_back(report::textFact("started", "Started", analysis::startedAt(*query->snapshot)));
  document.text = [&] { return report::timelineText(*query->snapshot, *result, flags.rowLimit()); };
  if (flags.format.wantsTables()) document.tables = {result->rows, result->marks};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
