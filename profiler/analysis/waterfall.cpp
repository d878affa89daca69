#include <cmath>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using Figure = absl::optional<double>;

absl::Status needsHeap(const model::Snapshot& snapshot) {
  if (snapshot.hasHeapSnapshot() && snapshot.heap().has_totals()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      snapshot.path(),
      ": holds stacks only, no account of RSS (it was not written by libheapprof, or was rewritten by ",
      "another tool); record one with: heapprof run -- CMD"));
}

}  // namespace

absl::StatusOr<model::Table> waterfall(const model::Query& query) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  absl::Status usable = needsHeap(*query.snapshot);
  const bool compare = query.baseline != nullptr && query.baselineMode != model::BaselineMode::kNone;
  if (usable.ok() && compare) usable = needsHeap(*query.baseline);
  if (!usable.ok()) return usable;

  const Waterfall now = waterfallOf(*query.snapshot);
  Waterfall before;
  if (compare) before = waterfallOf(*query.baseline);

  model::Table table;
  table.id = "waterfall";
  table.title = "Where RSS went";
  table.notes = now.notes;
  using model::numberColumn, model::textColumn, model::Unit;
  model::Column id = textColumn("id", "Id", "the line's stable name");
  model::Column label = textColumn("label", "Line", "what the bytes are");
  model::Column bytes =
      numberColumn("bytes", "Bytes", Unit::kBytes, "resident bytes; all lines sum to the kernel's RSS");
  model::Column base = numberColumn("base", "Base", Unit::kBytes, "the same in the baseline");
  model::Column change = numberColumn("change", "Change", Unit::kBytes, "new minus base", true);
  model::Column share = numberColumn("fraction", "Share", Unit::kFraction, "of the kernel's RSS");
  model::Column help = textColumn("help", "Meaning", "what it is and what to do about it");
  const double rss = now.kernelRss.value_or(0);
  const auto add = [](model::Column& column, const Figure& figure) {
    figure ? addKnown(column, *figure) : addUnknown(column);
  };
  for (const WaterfallLine& line : now.lines) {
    const WaterfallLine* old = before.find(line.id);
    const Figure was = old == nullptr ? absl::nullopt : old->bytes;
    id.texts.emplace_back(line.id);
    label.texts.emplace_back(line.label);
    help.texts.emplace_back(line.help);
    line.bytes ? addWithError(bytes, *line.bytes, line.error == 0 ? model::kNoError : line.error)
               : addUnknown(bytes);
    bytes.standardError.resize(bytes.values.size(), model::kNoError);
    add(share, rss > 0 && line.bytes ? Figure(*line.bytes / rss) : absl::nullopt);
    add(base, was);
    add(change, was && line.bytes ? Figure(*line.bytes - *was) : absl::nullopt);
  }
  table.columns = {std::move(id),     std::move(label), std::move(bytes), std::move(base),
                   std::move(change), std::move(share), std::move(help)};
  return table;
}

}  // namespace heapprof::analysis
