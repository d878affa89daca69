// The purge page: what was advised, returned and faulted in again; what is still here, why and because of
// whom; the verdicts by reason, and the last purges one by one.
#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"

#include "gui/model/purge_flow.h"
#include "gui/view/table_page.h"
#include "profiler/analysis/table_change.h"

namespace heapprof::gui {
namespace {

using Tables = std::vector<model::Table>;

// The rest is on Fragmentation, and in the command line's tables.
void keepColumns(model::Table& table, std::initializer_list<const char*> ids) {
  std::erase_if(table.columns, [&](const model::Column& column) {
    return std::none_of(ids.begin(), ids.end(), [&](const char* id) { return column.id == id; });
  });
}

// The command line ends with the newest purge, just above the prompt; a list in a window begins with it.
void newestFirst(model::Table& events) {
  for (model::Column& column : events.columns) {
    std::reverse(column.texts.begin(), column.texts.end());
    std::reverse(column.values.begin(), column.values.end());
    std::reverse(column.known.begin(), column.known.end());
  }
}

absl::StatusOr<Tables> purgeTables(const model::Query& query, const analysis::Cancel& cancel) {
  model::Query alone = query;
  alone.baseline = nullptr;
  alone.baselineMode = model::BaselineMode::kNone;
  absl::StatusOr<analysis::PurgeResult> now = analysis::purges(alone, cancel);
  if (!now.ok()) return now.status();
  model::Table flow = purgeFlow(*now);
  std::string answer = now->answer;
  answer.front() = absl::ascii_toupper(static_cast<unsigned char>(answer.front()));
  flow.notes.push_back(std::move(answer));
  if (const std::string facts = purgeSentence(*now); !facts.empty()) flow.notes.push_back(facts);
  newestFirst(now->events);
  const bool compares = query.baseline && query.baseline->hasHeapSnapshot();
  if (compares) {
    alone.snapshot = query.baseline;
    const absl::StatusOr<analysis::PurgeResult> base = analysis::purges(alone, cancel);
    if (!base.ok()) return base.status();
    flow = analysis::withChange(flow, purgeFlow(*base), {"id"}, "bytes", analysis::ChangeOrder::kAsBefore);
    *now = analysis::changed(*std::move(now), *base);
  } else if (query.baseline) {
    flow.notes.emplace_back("No change is shown: the baseline has no heap snapshot.");
  }
  now->pinnedBy.title = "Whose objects stand in the way";
  keepColumns(now->pinnedBy, {"change", "pins", compares ? "change" : "comes_back", "owner", "stack"});
  keepColumns(now->blocked, {"id", "label", "bytes", "change", "help"});
  keepColumns(now->reasons, {"reason", "purges", "right", "wrong", "pending", "returned", "refaulted_60s"});
  Tables tables{std::move(flow), std::move(now->blocked), std::move(now->reasons), std::move(now->pinnedBy),
                std::move(now->events)};
  std::move(now->histograms.begin(), now->histograms.end(), std::back_inserter(tables));
  return tables;
}

}  // namespace

Page* createPurgePage(Session& session, QWidget* parent) {
  auto* page = new TablePage(session, {{2, 2, 1}, 4}, purgeTables, parent);
  page->addStrip(2);
  return page;
}

}  // namespace heapprof::gui
