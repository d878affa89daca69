// `heapprof flame FILE -o F.svg|F.html`: a flame graph in a file of its own, with a base as a difference.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/node_table.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/flame.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::vector<std::string> files;
std::string outputFile;
report::FlameView view;

}  // namespace

void addFlameFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps, or any pprof profiles; several are merged").required();
  app.addOption("-o,--output", outputFile, "where to write: a name that ends in .svg or .html")
      .required()
      .satisfies(
          [](const std::string& path) {
            return absl::EndsWith(path, ".svg") || absl::EndsWith(path, ".html")
                       ? std::string()
                       : absl::StrCat(path, ": name it .svg or .html");
          },
          "");
  app.addFlag("--flip", view.rootBelow, "flames: the root at the bottom (icicles, the root on top, else)");
  app.addOption("--min-width", view.leastWidth, "leave out frames below this share of the whole")
      .within(0.0, 1.0)
      .showDefault();
  flags.addFilters(app);
  flags.addBaseline(app);
}

int runFlame() {
  absl::StatusOr<model::Query> query = flags.toQuery(files);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::CallTree> tree = analysis::callTree(*query);
  if (!tree.ok()) return fail(tree.status());
  const model::Snapshot& snapshot = *query->snapshot;
  const std::size_t metric = snapshot.sampleType(query->metric).value_or(0);
  view.title = absl::StrCat(analysis::baseName(snapshot.path()), ": ",
                            snapshot.text(snapshot.columns().sampleTypes[metric].type));
  if (query->baseline != nullptr) {
    absl::StrAppend(&view.title, ", against ", analysis::baseName(query->baseline->path()));
  }
  return writeText(outputFile, absl::EndsWith(outputFile, ".svg") ? report::flameSvg(*tree, view)
                                                                  : report::flameHtml(*tree, view));
}

}  // namespace heapprof::cli
