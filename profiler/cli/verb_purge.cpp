// `heapprof purge FILE [--base OTHER]`: what was given back to the kernel, what came back, and what blocks
// the rest.

#include "absl/strings/str_cat.h"

#include "profiler/analysis/against_base.h"
#include "profiler/analysis/purge.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/purge_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string file;
bool listEvents = false;

}  // namespace

void addPurgeFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--base", flags.base, "an earlier dump: what changed since, row by row").onceEach();
  flags.nodeCount = 20;
  flags.addStackFilters(app);
  app.addOption("--nodecount", flags.nodeCount, "show at most so many purges; 0: all").showDefault();
  app.addFlag("--events", listEvents, "list the last purges one by one");
  flags.addFormat(app);
}

int runPurge() {
  absl::StatusOr<model::Query> query = flags.toQuery(file);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::PurgeResult> result = analysis::againstBase(analysis::purges, *query);
  if (!result.ok()) return fail(result.status());
  report::Document document;
  document.verb = "purge";
  for (const auto& figure : result->figures) {
    document.facts.push_back(report::numberFact(figure.id, figure.title, figure.unit, figure.value));
    if (query->baseline == nullptr) continue;
    document.facts.push_back(report::numberFact(absl::StrCat("base_", figure.id),
                                                absl::StrCat(figure.title, ", in the base"), figure.unit,
                                                figure.base));
  }
  for (const auto& spread : result->spreads) {
    const auto add = [&](const char* id, const char* title, absl::optional<double> bound) {
      document.facts.push_back(report::numberFact(absl::StrCat(spread.id, id),
                                                  absl::StrCat(spread.title, title), spread.unit, bound));
    };
    add("_half", ", half up to", spread.half);
    add("_p90", ", 90% up to", spread.mostOf90);
    add("_p99", ", 99% up to", spread.mostOf99);
  }
  const report::PurgeView view{query->snapshot.get(), query->baseline.get(), &*result, flags.rowLimit(),
                               listEvents};
  document.text = [&] { return query->baseline ? report::purgeChangeText(view) : report::purgeText(view); };
  if (flags.format.wantsTables()) {
    document.tables = {result->reasons, result->events, result->refusals, result->blocked, result->pinnedBy};
    document.tables.insert(document.tables.end(), result->histograms.begin(), result->histograms.end());
  }
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
