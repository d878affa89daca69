// `heapprof convert FILE... --to FORMAT`: for other tools, from everything that we read.
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "profiler/analysis/exports.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/exports_text.h"

namespace heapprof::cli {
namespace {

using Text = absl::StatusOr<std::string>;

QueryFlags flags;
std::vector<std::string> files;
std::string to, outputFile, compression = "gzip";

Text collapsed(const model::Query& query) {
  absl::StatusOr<model::Table> stacks = analysis::collapsedStacks(query);
  if (!stacks.ok()) return stacks.status();
  for (const std::string& line : stacks->notes) note(line);
  return report::collapsedText(divided(*std::move(stacks), query));
}

Text callgrind(const model::Query& query) {
  absl::StatusOr<analysis::CallCosts> costs = analysis::callCosts(query);
  if (!costs.ok()) return costs.status();
  for (const std::string& line : costs->notes) note(line);
  const auto below = std::count_if(costs->places.begin(), costs->places.end(),
                                   [](const analysis::CallCosts::Place& place) { return place.self < 0; });
  if (below > 0) note(absl::StrCat("callgrind knows no negative costs: ", below, " places are left out"));
  return report::callgrindText(*costs, analysis::programName(*query.snapshot));
}

Text dot(const model::Query& query) {
  absl::StatusOr<analysis::CallGraph> graph = analysis::callGraph(query);
  if (!graph.ok()) return graph.status();
  for (const std::string& line : graph->top.table.notes) note(line);
  return report::dotText(query, *graph);
}

Text samples(const model::Query& query, const char* format) {
  absl::StatusOr<analysis::SamplesResult> result = analysis::sampleRows(query);
  if (!result.ok()) return result.status();
  report::Document document;
  document.verb = "convert";
  document.notes = result->table.notes;
  document.tables = {divided(result->table, query)};
  return report::emit(format, document);
}

// A row a format; pprof is none of them, as it is not text and keeps everything.
constexpr struct {
  const char* name;
  Text (*make)(const model::Query& query);
} kTargets[] = {
    {"collapsed", collapsed},
    {"callgrind", callgrind},
    {"dot", dot},
    {"csv", [](const model::Query& query) { return samples(query, "csv"); }},
    {"json", [](const model::Query& query) { return samples(query, "json"); }},
};

std::vector<std::string> targetNames() {
  std::vector<std::string> names{"pprof"};
  for (const auto& target : kTargets) names.emplace_back(target.name);
  return names;
}

int writePprof() {
  if (outputFile.empty()) {
    return fail(absl::InvalidArgumentError("convert --to pprof: not for a terminal; say where by -o FILE"));
  }
  if (flags.filtersAnything()) {
    return fail(
        absl::InvalidArgumentError("convert --to pprof keeps every sample and takes no filter and no base; "
                                   "give them to pprof or to top"));
  }
  absl::StatusOr<model::SnapshotPtr> snapshot = load(files, flags.symbols, flags.thread);
  if (!snapshot.ok()) return fail(snapshot.status());
  for (const std::string& line : (*snapshot)->symbolNotes()) note(line);
  absl::Status written =
      formats::writeProfile((*snapshot)->columns(), outputFile, compressionOf(compression));
  if (!written.ok()) return fail(written);
  std::printf("%s\n", outputFile.c_str());
  return kClean;
}

}  // namespace

void addConvertFlags(FlagSet& app) {
  const std::vector<std::string> names = targetNames();
  app.addOption("FILE", files, "dumps, or profiles of Go, jemalloc or gperftools; several are merged")
      .required();
  app.addOption("--to", to, absl::StrJoin(names, ", ")).required().oneOf(names);
  app.addOption("-o,--output", outputFile,
                "where to write; an older file is replaced by a whole new one (default: standard output)");
  addCompressionFlag(app, &compression);
  flags.addFilters(app);
  flags.addSorting(app);
  flags.addBaseline(app);
}

int runConvert() {
  if (to == "pprof") return writePprof();
  flags.defaultNodeCount = 80;  // pprof's, for graphs
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  for (const auto& target : kTargets) {
    if (to != target.name) continue;
    Text text = target.make(*query);
    return text.ok() ? writeText(outputFile, *text) : fail(text.status());
  }
  return kUsageOrInputError;
}

}  // namespace heapprof::cli
