// `heapprof trend FILE...`: many dumps as a trend, one at a time in memory.
#include "absl/strings/str_cat.h"

#include "profiler/analysis/trend.h"
#include "profiler/cli/dump_files.h"
#include "profiler/cli/output.h"
#include "profiler/cli/progress.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/trend_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;
bool fullStacks = false;
FleetFlags fleet;

}  // namespace

void addTrendFlags(FlagSet& app) {
  app.addOption("FILE", files,
                "two dumps or more, in any order, of one program or of its builds; folders of them, or "
                "@LIST")
      .required();
  flags.nodeCount = 12;
  flags.addFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many stacks; 0: all").showDefault();
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  fleet.add(app);
  flags.addFormat(app);
}

int runTrend() {
  if (fleet.quiet) silenceProgress();
  const absl::StatusOr<std::vector<DumpFile>> dumps = dumpFiles(files);
  if (!dumps.ok()) return fail(dumps.status());
  analysis::Trend trend;
  LeftOut left(fleet);
  {
    Progress progress;
    for (std::size_t i = 0; i < dumps->size(); ++i) {
      progress.count("reading", i, dumps->size());
      absl::StatusOr<model::Query> query = flags.toQuery((*dumps)[i].path);
      const absl::Status status = query.ok() ? trend.add(*query) : query.status();
      if (status.ok()) continue;
      if (!left.add(status)) return fail(status);
    }
  }
  // Broken files of many are told and left out; with fewer than two others there is no trend.
  const absl::StatusOr<analysis::Trend::Result> result = trend.result();
  if (!result.ok()) return fail(left.count() == 0 ? result.status() : left.first());
  left.tell(dumps->size());

  report::Document document;
  document.verb = "trend";
  document.facts = {
      report::textFact("metric", "Metric", result->metric),
      report::numberFact("dumps", "Dumps", model::Unit::kCount, static_cast<double>(trend.dumps())),
      report::numberFact("duration", "Duration", model::Unit::kNanoseconds, result->seconds * 1e9),
      report::numberFact("left_out", "Left out", model::Unit::kCount, static_cast<double>(left.count()))};
  document.text = [&] { return report::trendText(*result, trend.dumps(), flags.rowLimit(), fullStacks); };
  if (flags.format.wantsTables()) document.tables = {result->totals, result->stacks};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
