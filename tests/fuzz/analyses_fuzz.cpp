// Every analysis on every dump that the reader lets in, alone and against itself: an answer, or one line that
// says what the dump lacks; tables are as long as they say, and their JSON reads back.
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "formats/pprof/read_profile.h"
#include "profiler/analysis/analyses.h"
#include "profiler/analysis/exports.h"
#include "profiler/analysis/flame_layout.h"
#include "profiler/analysis/fleet_tables.h"
#include "profiler/analysis/leaks.h"
#include "profiler/analysis/map_tables.h"
#include "profiler/analysis/purge.h"
#include "profiler/analysis/stack_history.h"
#include "profiler/analysis/timeline.h"
#include "profiler/analysis/trend.h"
#include "profiler/report/document.h"
#include "tests/fuzz/property.h"

namespace {

namespace analysis = heapprof::analysis;
namespace formats = heapprof::formats;
namespace model = heapprof::model;
using heapprof::fuzz::require;
using heapprof::fuzz::requireOneLine;

class Answers {
 public:
  // True where there is an answer.
  template <typename T>
  bool has(const absl::StatusOr<T>& answer, const char* what) {
    requireOneLine(answer.status(), what);
    return answer.ok();
  }
  void table(const model::Table& table) { document_.tables.push_back(table); }
  void tables(const std::vector<model::Table>& tables) {
    for (const model::Table& one : tables) table(one);
  }
  void print() const {
    require(nlohmann::json::parse(heapprof::report::emitJson(document_), nullptr, false).is_object(),
            "JSON is JSON");
    require(!heapprof::report::emitText(document_).empty() || document_.tables.empty(), "tables print");
  }

 private:
  heapprof::report::Document document_;
};

void askAboutStacks(const model::Query& query, Answers* answers) {
  if (const auto a = analysis::top(query); answers->has(a, "top")) answers->table(a->table);
  if (const auto a = analysis::tree(query); answers->has(a, "tree")) answers->tables({a->rows, a->calls});
  if (const auto a = analysis::traces(query); answers->has(a, "traces")) answers->table(a->table);
  if (const auto a = analysis::tags(query); answers->has(a, "tags")) answers->table(a->table);
  if (const auto a = analysis::raw(query); answers->has(a, "raw"))
    answers->tables({a->samples, a->locations, a->mappings});
  if (const auto a = analysis::owners(query); answers->has(a, "owners")) answers->table(*a);
  if (const auto a = analysis::collapsedStacks(query); answers->has(a, "collapsed")) answers->table(*a);
  if (const auto a = analysis::sampleRows(query); answers->has(a, "rows")) answers->table(a->table);
  answers->has(analysis::callGraph(query), "graph");
  answers->has(analysis::callCosts(query), "costs");
  for (const auto direction : {analysis::TreeDirection::kTopDown, analysis::TreeDirection::kBottomUp}) {
    const auto tree = analysis::callTree(query, direction);
    if (answers->has(tree, "call tree")) analysis::flameLayout(*tree, 0.001);
  }
}

void askAboutPages(const model::Query& query, Answers* answers) {
  if (const auto a = analysis::waterfall(query); answers->has(a, "waterfall")) answers->table(*a);
  if (const auto a = analysis::fragmentation(query); answers->has(a, "frag")) {
    answers->tables({a->levels, a->stacks, a->classes, a->occupancy, a->pages});
  }
  if (const auto a = analysis::sizes(query); answers->has(a, "sizes"))
    answers->tables({a->classes, a->misfits});
  if (const auto a = analysis::purges(query); answers->has(a, "purge")) {
    answers->tables({a->reasons, a->events, a->blocked, a->pinnedBy});
    answers->tables(a->histograms);
  }
  if (const auto a = analysis::timeline(query); answers->has(a, "timeline"))
    answers->tables({a->rows, a->marks});
  const auto price = analysis::parsePrice("4.2/GiB-month");
  require(price.ok(), "a price");
  if (const auto a = analysis::cost(query, *price, 2); answers->has(a, "cost"))
    answers->tables({a->lines, a->owners});
  answers->has(analysis::findings(query), "findings");
  const auto map = analysis::heapMap(query);
  if (!answers->has(map, "map")) return;
  if (const auto a = analysis::mapTables(query, *map); answers->has(a, "map's tables")) {
    answers->tables({a->kinds, a->pages, a->extents});
  }
  if (!map->index.empty()) answers->has(analysis::unitDetail(query, map->index.back()), "unit");
}

void askOverDumps(const model::Query& query, Answers* answers) {
  analysis::Trend trend;
  analysis::Histories histories;
  for (int i = 0; i < 3; ++i) {
    requireOneLine(trend.add(query), "trend's dump");
    if (absl::Status added = histories.add(query); !added.ok()) return requireOneLine(added, "leaks' dump");
  }
  if (const auto a = trend.result(); answers->has(a, "trend")) answers->tables({a->totals, a->stacks});
  histories.finish();
  const analysis::LeakReport leaks = analysis::leakReport(histories, {});
  answers->tables({leaks.stacks, leaks.verdicts, leaks.suppressed});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  formats::ReadOptions options;
  options.maxMessageBytes = 8 << 20;
  options.maxColumnBytes = 4 << 20;
  auto columns = formats::readProfileBytes(data, size, "fuzz.pb.gz", options);
  if (!columns.ok()) return 0;
  model::Query query;
  query.snapshot =
      std::make_shared<const model::Snapshot>(*std::move(columns), "fuzz.pb.gz", std::vector<std::string>{});
  query.nodeCount = 50;
  Answers answers;
  if (const auto a = analysis::info(query.snapshot); answers.has(a, "info")) answers.table(*a);
  if (const auto a = analysis::fleetTables(query); answers.has(a, "fleet")) answers.tables(*a);
  askAboutStacks(query, &answers);
  askAboutPages(query, &answers);
  askOverDumps(query, &answers);

  query.baseline = query.snapshot;
  query.baselineMode = model::BaselineMode::kDiffBase;
  if (const auto a = analysis::diffStacks(query); answers.has(a, "diff")) answers.table(*a);
  if (const auto a = analysis::diffTotals(query); answers.has(a, "totals")) answers.table(*a);
  askAboutStacks(query, &answers);
  askAboutPages(query, &answers);
  answers.print();
  return 0;
}
