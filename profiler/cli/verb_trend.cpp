// `heapprof trend FILE...`: many dumps as a trend, one at a time in memory.
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/trend.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/trend_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;
bool fullStacks = false;

void showCount(std::size_t done) {
  if (isatty(STDERR_FILENO) != 1 || files.size() < 10) return;
  std::fprintf(stderr, done == files.size() ? "\r\x1b[K" : "\r\x1b[K%zu of %zu dumps", done, files.size());
}

}  // namespace

void addTrendFlags(FlagSet& app) {
  app.addOption("FILE", files, "two dumps or more, in any order, of one program or of its builds").required();
  flags.nodeCount = 12;
  flags.addFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many stacks; 0: all").showDefault();
  app.addFlag("--stacks", fullStacks, "print whole stacks");
  flags.addFormat(app);
}

int runTrend() {
  analysis::Trend trend;
  absl::Status firstFault;
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    showCount(i);
    absl::StatusOr<model::Query> query = flags.toQuery(files[i]);
    const absl::Status status = query.ok() ? trend.add(*query) : query.status();
    if (status.ok()) continue;
    if (firstFault.ok()) firstFault = status;
    notes.push_back(absl::StrCat("left out: ", std::string(status.message())));
  }
  showCount(files.size());
  // One broken file of many is told and left out; with fewer than two others there is no trend.
  absl::StatusOr<analysis::Trend::Result> result = trend.result();
  if (!result.ok()) return fail(firstFault.ok() ? result.status() : firstFault);

  report::Document document;
  document.verb = "trend";
  document.facts = {
      report::textFact("metric", "Metric", result->metric),
      report::numberFact("dumps", "Dumps", model::Unit::kCount, static_cast<double>(trend.dumps())),
      report::numberFact("duration", "Duration", model::Unit::kNanoseconds, result->seconds * 1e9)};
  document.notes = notes;
  document.text = [&] { return report::trendText(*result, trend.dumps(), flags.rowLimit(), fullStacks); };
  if (flags.format.wantsTables()) document.tables = {result->totals, result->stacks};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
