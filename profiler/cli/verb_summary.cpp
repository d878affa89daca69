// `heapprof summary`: the front door. Where RSS went, and what to look at first.

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/summary_text.h"

namespace heapprof::cli {
namespace {

std::string file, base;
Format format;

model::Table findingsTable(const std::vector<analysis::Finding>& findings) {
  model::Table table;
  table.id = "findings";
  table.title = "Findings";
  table.columns.resize(6);
  const char* const names[][2] = {{"id", "Id"},           {"title", "Finding"}, {"detail", "Detail"},
                                  {"command", "Command"}, {"page", "Page"},     {"bytes", "Bytes"}};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    table.columns[i].id = names[i][0];
    table.columns[i].title = names[i][1];
  }
  table.columns[5].unit = model::Unit::kBytes;
  for (const analysis::Finding& finding : findings) {
    const std::string* const texts[] = {&finding.id, &finding.title, &finding.detail, &finding.command,
                                        &finding.page};
    for (std::size_t i = 0; i < std::size(texts); ++i) table.columns[i].texts.push_back(*texts[i]);
    table.columns[5].values.push_back(finding.bytes);
  }
  return table;
}

}  // namespace

void addSummaryFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--base", base, "an earlier dump: what changed since");
  addFormatFlag(app, &format);
}

int runSummary() {
  model::Query query;
  absl::StatusOr<model::SnapshotPtr> snapshot = load(file);
  if (!snapshot.ok()) return fail(snapshot.status());
  query.snapshot = *std::move(snapshot);
  if (!base.empty()) {
    absl::StatusOr<model::SnapshotPtr> other = load(base);
    if (!other.ok()) return fail(other.status());
    query.baseline = *std::move(other);
    query.baselineMode = model::BaselineMode::kBase;
  }
  // Stacks alone still have findings; the account of RSS is missing then, and said to be.
  absl::StatusOr<model::Table> waterfall = analysis::waterfall(query);
  if (!waterfall.ok() && !absl::IsFailedPrecondition(waterfall.status())) return fail(waterfall.status());
  absl::StatusOr<std::vector<analysis::Finding>> findings = analysis::findings(query);
  if (!findings.ok()) return fail(findings.status());

  report::Document document;
  document.verb = "summary";
  if (waterfall.ok()) {
    document.tables.push_back(*waterfall);
  } else {
    document.notes.emplace_back(waterfall.status().message());
  }
  document.tables.push_back(findingsTable(*findings));
  document.text = [&] {
    return report::summaryText(*query.snapshot, query.baseline.get(), waterfall.ok() ? &*waterfall : nullptr,
                               *findings);
  };
  return write(format, std::move(document));
}

}  // namespace heapprof::cli
