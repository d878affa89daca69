// `heapprof tree`, `peek`, `traces`, `tags` and `raw`: pprof's reports of that name, line for line. They
// share their flags and differ in the analysis and the layout.

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/pprof_texts.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string regex;
std::vector<std::string> files;

void addFile(FlagSet& app) {
  app.addOption("FILE", files, "dumps, or any pprof profiles; several are merged").required();
}

void addStackFlags(FlagSet& app) {
  flags.addFilters(app);
  flags.addSorting(app);
  flags.addBaseline(app);
  flags.addFormat(app);
}

report::Document documentOf(const char* verb, const std::string& metric, const model::Table& table) {
  report::Document document;
  document.verb = verb;
  if (!metric.empty()) document.facts.push_back(report::textFact("metric", "Metric", metric));
  document.notes = table.notes;
  return document;
}

int writeTree(const char* verb, const model::Query& query) {
  absl::StatusOr<analysis::TreeResult> result = analysis::tree(query, regex);
  if (!result.ok()) return fail(result.status());
  report::Document document = documentOf(verb, result->top.metric, result->top.table);
  document.fixedText = true;
  document.text = [&] { return report::treeText(query, *result); };
  if (flags.format.wantsTables())
    document.tables = {divided(result->rows, query), divided(result->calls, query)};
  return write(flags.format, std::move(document));
}

using Samples = absl::StatusOr<analysis::SamplesResult> (*)(const model::Query&, const analysis::Cancel&);

int writeSamples(const char* verb, Samples analyse, std::string (*text)(const analysis::SamplesResult&)) {
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::SamplesResult> result = analyse(*query, {});
  if (!result.ok()) return fail(result.status());
  report::Document document = documentOf(verb, result->metric, result->table);
  document.fixedText = true;
  document.text = [&] { return text(*result); };
  if (flags.format.wantsTables()) document.tables = {divided(result->table, *query)};
  return write(flags.format, std::move(document));
}

}  // namespace

void addTreeFlags(FlagSet& app) {
  addFile(app);
  addStackFlags(app);
}

int runTree() {
  flags.defaultNodeCount = 80;  // pprof's
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  return query.ok() ? writeTree("tree", *query) : fail(query.status());
}

void addPeekFlags(FlagSet& app) {
  app.addOption("REGEX", regex, "functions whose name matches").required();
  addTreeFlags(app);
}

int runPeek() {
  flags.trim = false;  // what is looked for may be small
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  return query.ok() ? writeTree("peek", *query) : fail(query.status());
}

void addTracesFlags(FlagSet& app) {
  addTreeFlags(app);
}

int runTraces() {
  return writeSamples("traces", analysis::traces, report::tracesText);
}

void addTagsFlags(FlagSet& app) {
  addTreeFlags(app);
}

int runTags() {
  return writeSamples("tags", analysis::tags, report::tagsText);
}

void addRawFlags(FlagSet& app) {
  addTreeFlags(app);
}

int runRaw() {
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::RawResult> result = analysis::raw(*query);
  if (!result.ok()) return fail(result.status());
  report::Document document = documentOf("raw", "", result->samples);
  document.fixedText = true;
  document.text = [&] { return report::rawText(*result); };
  if (flags.format.wantsTables()) document.tables = {result->samples, result->locations, result->mappings};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
