// `heapprof map FILE`: the heap's extents and huge pages, as a raster and as tables.

#include "profiler/analysis/map_tables.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/map_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string file, colour, svgFile;

constexpr struct {
  const char* name;
  report::MapColour colour;
} kColours[] = {{"live", report::MapColour::kLive},
                {"used", report::MapColour::kUsed},
                {"resident", report::MapColour::kResident},
                {"kernel", report::MapColour::kKernel},
                {"change", report::MapColour::kChange}};

}  // namespace

void addMapFlags(FlagSet& app) {
  std::vector<std::string> names;
  for (const auto& row : kColours) names.emplace_back(row.name);
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--by", colour, "what a page's mark says: live if not given, change with --base")
      .oneOf(names);
  app.addOption("--svg", svgFile, "write the raster there as a picture, too");
  flags.addStackFilters(app);
  flags.addBaseline(app);
  flags.addFormat(app);
}

int runMap() {
  const bool compares = !flags.base.empty() || !flags.diffBase.empty();
  if (colour.empty()) colour = compares ? "change" : "live";
  if (colour == "change" && !compares) {
    return fail(absl::InvalidArgumentError("map --by change: against what? give --base FILE"));
  }
  absl::StatusOr<model::Query> query = flags.toQuery(file);
  if (!query.ok()) return fail(query.status());
  absl::StatusOr<analysis::HeapMap> map = analysis::heapMap(*query);
  if (!map.ok()) return fail(map.status());
  absl::StatusOr<analysis::MapTables> tables = analysis::mapTables(*query, *map);
  if (!tables.ok()) return fail(tables.status());
  report::MapView view{query->snapshot.get(), &*map, &*tables, report::MapColour::kLive};
  for (const auto& row : kColours) {
    if (colour == row.name) view.colour = row.colour;
  }
  if (!svgFile.empty()) {
    const int written = writeText(svgFile, report::mapSvg(view));
    if (written != kClean) return written;
  }
  report::Document document;
  document.verb = "map";
  document.facts = {
      report::numberFact("huge_pages", "Huge pages", model::Unit::kCount,
                         static_cast<double>(map->index.size())),
      report::numberFact("placement", "Of", model::Unit::kBytes, static_cast<double>(map->placementBytes))};
  document.fixedText = true;
  document.text = [&view] { return report::mapText(view); };
  if (flags.format.wantsTables()) document.tables = {tables->kinds, tables->pages, tables->extents};
  return write(flags.format, std::move(document));
}

}  // namespace heapprof::cli
