#include <algorithm>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

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

// What a reader must know of one dump or of both; with a baseline each note says which dump it speaks of.
std::vector<std::string> notesOf(const Waterfall& now, const Waterfall* before) {
  std::vector<std::string> notes;
  const auto counted = [](const Waterfall& fall) { return model::bytesText(*fall.countedLive); };
  constexpr absl::string_view kSplit = "; sampling says how much of it was requested and how much is slack";
  const bool both = before != nullptr && before->countedLive && now.countedLive;
  if (both) {
    notes.push_back(absl::StrCat("live objects are counted, ", counted(*before), " before and ", counted(now),
                                 " now", kSplit));
  } else if (now.countedLive) {
    notes.push_back(absl::StrCat("live objects are counted, ", counted(now), before ? " now" : "", kSplit));
  }
  const std::vector<std::string> old = before == nullptr ? std::vector<std::string>() : before->notes;
  for (const std::string& note : now.notes) {
    const bool ofBoth = std::find(old.begin(), old.end(), note) != old.end();
    notes.push_back(before == nullptr ? note
                                      : absl::StrCat(ofBoth ? "both dumps: " : "the new dump: ", note));
  }
  for (const std::string& note : old) {
    if (std::find(now.notes.begin(), now.notes.end(), note) == now.notes.end()) {
      notes.push_back(absl::StrCat("the baseline: ", note));
    }
  }
  return notes;
}

}  // namespace

absl::StatusOr<model::Table> waterfall(const model::Query& query) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  absl::Status usable = needsHeap(*query.snapshot);
  const bool compare = query.baseline != nullptr && query.baselineMode != model::BaselineMode::kNone;
  if (usable.ok() && compare) usable = needsHeap(*query.baseline);
  if (!usable.ok()) return usable;

  // One dump that cannot tell requested from slack, and both are compared by what the allocator counted.
  const auto splits = [](const model::Snapshot& snapshot) {
    return snapshot.heap().totals().has_requested_bytes();
  };
  const bool split = !compare || splits(*query.snapshot) == splits(*query.baseline);
  const Waterfall now = waterfallOf(*query.snapshot, split);
  Waterfall before;
  if (compare) before = waterfallOf(*query.baseline, split);

  model::Table table;
  table.id = "waterfall";
  table.title = "Where RSS went";
  table.notes = notesOf(now, compare ? &before : nullptr);
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
