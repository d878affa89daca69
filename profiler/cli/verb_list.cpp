// `heapprof list REGEX FILE...`: source lines with what they hold, as pprof's list.

#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/source_reader.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/list_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;
std::string regex, sourcePath;

}  // namespace

void addListFlags(FlagSet& app) {
  app.addOption("REGEX", regex, "functions whose name matches").required();
  app.addOption("FILE", files, "dumps, or any pprof profiles; several are merged").required();
  app.addOption("--source_path", sourcePath,
                "folders with sources, colons between; their parents are searched, too (default: this one)");
  flags.addFilters(app);
  flags.addSorting(app);
  flags.addBaseline(app);
  flags.addFormat(app);
}

int runList() {
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::SourceLines> lines = analysis::sourceLines(*query, regex);
  if (!lines.ok()) return fail(lines.status());
  SourceReader reader(sourcePath);
  const report::SourceReader read = [&reader](const std::string& file, std::int64_t first,
                                              std::int64_t last) { return reader.lines(file, first, last); };
  report::Document document;
  document.verb = "list";
  document.facts = {report::textFact("metric", "Metric", lines->metric),
                    report::numberFact("total", "Total", analysis::unitOf(lines->unit),
                                       static_cast<double>(lines->total) / query->divideBy)};
  document.notes = lines->notes;
  document.fixedText = true;
  document.text = [&] { return report::listText(*query, *lines, read); };
  if (flags.format.wantsTables()) document.tables = {divided(report::listTable(*lines, read), *query)};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
