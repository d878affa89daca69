#include "profiler/analysis/purge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;
using Event = heapprof::PurgeEvent;
using Figure = absl::optional<double>;

constexpr const char* kReasons[] = {"unknown", "demand",   "program asked", "idle slabs",
                                    "limit",   "pressure", "large block"};
constexpr const char* kVerdicts[] = {"pending", "right", "wrong"};

template <typename Names>
const char* nameOf(const Names& names, int value) {
  return value >= 0 && static_cast<std::size_t>(value) < std::size(names) ? names[value] : "unknown";
}

std::vector<PurgeResult::Figure> figuresOf(const heapprof::Purges& purges) {
  const auto figure = [](bool has, std::uint64_t value) {
    return has ? Figure(static_cast<double>(value)) : Figure();
  };
#define HEAPPROF_FIGURE(field) figure(purges.has_##field(), purges.field())
  return {
      {"passes", "Passes", Unit::kCount, HEAPPROF_FIGURE(passes)},
      {"advised", "Advised", Unit::kBytes, HEAPPROF_FIGURE(advised_bytes)},
      {"resident_before", "  of it resident before", Unit::kBytes, HEAPPROF_FIGURE(resident_before_bytes)},
      {"returned", "Returned", Unit::kBytes, HEAPPROF_FIGURE(returned_bytes)},
      {"refaulted_1s", "Needed again within 1 s", Unit::kBytes, HEAPPROF_FIGURE(refaulted_1s_bytes)},
      {"refaulted_10s", "  within 10 s", Unit::kBytes, HEAPPROF_FIGURE(refaulted_10s_bytes)},
      {"refaulted_60s", "  within 60 s", Unit::kBytes, HEAPPROF_FIGURE(refaulted_60s_bytes)},
      {"huge_pages_broken", "Huge pages broken", Unit::kCount, HEAPPROF_FIGURE(huge_pages_broken)},
      {"time", "Time spent", Unit::kNanoseconds, HEAPPROF_FIGURE(time_nanos)},
      {"collapses", "Huge pages formed", Unit::kCount, HEAPPROF_FIGURE(collapses)},
      {"collapse_failures", "  refused by the kernel", Unit::kCount, HEAPPROF_FIGURE(collapse_failures)}};
#undef HEAPPROF_FIGURE
}

// What an event says, in the order of the tables' columns; a figure that it does not have is none.
struct Measure {
  const char *id, *title, *help;
  Unit unit;
  Figure (*of)(const Event& event);
};
constexpr Measure kMeasures[] = {
    {"advised", "Advised", "what the kernel was asked to take back", Unit::kBytes,
     [](const Event& e) { return Figure(static_cast<double>(e.advised_bytes())); }},
    {"resident_before", "Resident", "of it, what was in memory before: only that makes RSS fall",
     Unit::kBytes, [](const Event& e) { return Figure(static_cast<double>(e.resident_before_bytes())); }},
    {"returned", "Returned", "what RSS fell by", Unit::kBytes,
     [](const Event& e) { return Figure(static_cast<double>(e.returned_bytes())); }},
    {"refaulted_1s", "Back in 1 s",
     "handed out again within a second, whole blocks: purging it was for nothing", Unit::kBytes,
     [](const Event& e) {
       return e.has_refaulted_1s_bytes() ? Figure(static_cast<double>(e.refaulted_1s_bytes())) : Figure();
     }},
    {"refaulted_10s", "10 s", "handed out again within ten seconds", Unit::kBytes,
     [](const Event& e) {
       return e.has_refaulted_10s_bytes() ? Figure(static_cast<double>(e.refaulted_10s_bytes())) : Figure();
     }},
    {"refaulted_60s", "60 s", "handed out again within a minute", Unit::kBytes,
     [](const Event& e) {
       return e.has_refaulted_60s_bytes() ? Figure(static_cast<double>(e.refaulted_60s_bytes())) : Figure();
     }},
    {"kept", "Kept", "free memory that the policy left alone", Unit::kBytes,
     [](const Event& e) { return Figure(static_cast<double>(e.kept_bytes())); }},
    {"huge_pages_broken", "Broken", "huge pages that it split", Unit::kCount,
     [](const Event& e) { return Figure(static_cast<double>(e.huge_pages_broken())); }},
    {"time", "Time", "what the purge took", Unit::kNanoseconds,
     [](const Event& e) { return Figure(static_cast<double>(e.duration_nanos())); }},
};

std::vector<Column> measureColumns() {
  std::vector<Column> columns;
  for (const Measure& measure : kMeasures) {
    columns.push_back(numberColumn(measure.id, measure.title, measure.unit, measure.help));
  }
  return columns;
}

model::Table tableOf(const char* id, const char* title, std::vector<Column> columns) {
  model::Table table;
  table.id = id;
  table.title = title;
  table.columns = std::move(columns);
  return table;
}

model::Table eventTable(const model::Snapshot& snapshot) {
  Column ago = numberColumn("ago", "Ago", Unit::kNanoseconds, "before the dump was taken");
  Column reason = textColumn("reason", "Reason", "why it was purged");
  Column verdict =
      textColumn("verdict", "Verdict", "right: it stayed away; wrong: it came back; pending: too early");
  std::vector<Column> measures = measureColumns();
  const std::uint64_t now = snapshot.heap().header().dump_time_nanos();
  for (const Event& event : snapshot.heap().purges().events()) {
    now >= event.time_nanos() && event.time_nanos() != 0
        ? addKnown(ago, static_cast<double>(now - event.time_nanos()))
        : addUnknown(ago);
    reason.texts.emplace_back(nameOf(kReasons, event.reason()));
    verdict.texts.emplace_back(nameOf(kVerdicts, event.verdict()));
    for (std::size_t i = 0; i < measures.size(); ++i) {
      const Figure value = kMeasures[i].of(event);
      value ? addKnown(measures[i], *value) : addUnknown(measures[i]);
    }
  }
  measures.insert(measures.begin(), {std::move(ago), std::move(reason), std::move(verdict)});
  return tableOf("purge_events", "The last purges", std::move(measures));
}

// Sums of what is known; a reason whose purges all lack a figure does not have it.
model::Table reasonTable(const heapprof::Purges& purges) {
  struct Sums {
    std::size_t events = 0;
    std::array<std::size_t, std::size(kVerdicts)> verdicts{};
    std::array<Figure, std::size(kMeasures)> measures;
  };
  std::array<Sums, std::size(kReasons)> byReason;
  for (const Event& event : purges.events()) {
    const std::size_t reason = static_cast<std::size_t>(event.reason());
    Sums& sums = byReason[reason < byReason.size() ? reason : 0];
    ++sums.events;
    const std::size_t verdict = static_cast<std::size_t>(event.verdict());
    ++sums.verdicts[verdict < sums.verdicts.size() ? verdict : 0];
    for (std::size_t i = 0; i < sums.measures.size(); ++i) {
      const Figure value = kMeasures[i].of(event);
      if (value) sums.measures[i] = sums.measures[i].value_or(0) + *value;
    }
  }
  Column reason = textColumn("reason", "Reason", "why it was purged");
  Column events = numberColumn("purges", "Purges", Unit::kCount, "purges that the dump lists");
  Column right = numberColumn("right", "Right", Unit::kCount, "what they returned stayed away");
  Column wrong =
      numberColumn("wrong", "Wrong", Unit::kCount, "it was faulted back: the policy should have waited");
  Column pending = numberColumn("pending", "Pending", Unit::kCount, "too early to say");
  std::vector<Column> measures = measureColumns();
  for (std::size_t i = 0; i < byReason.size(); ++i) {
    const Sums& sums = byReason[i];
    if (sums.events == 0) continue;
    reason.texts.emplace_back(kReasons[i]);
    addKnown(events, static_cast<double>(sums.events));
    addKnown(pending, static_cast<double>(sums.verdicts[0]));
    addKnown(right, static_cast<double>(sums.verdicts[1]));
    addKnown(wrong, static_cast<double>(sums.verdicts[2]));
    for (std::size_t k = 0; k < measures.size(); ++k) {
      sums.measures[k] ? addKnown(measures[k], *sums.measures[k]) : addUnknown(measures[k]);
    }
  }
  measures.insert(measures.begin(), {std::move(reason), std::move(events), std::move(right), std::move(wrong),
                                     std::move(pending)});
  return tableOf("purge_reasons", "By reason, of the purges listed", std::move(measures));
}

// What madvise(MADV_COLLAPSE) says, by Linux's numbers: they are the dump's, wherever it is read.
constexpr struct {
  std::uint64_t number;
  const char *name, *help;
} kCauses[] = {
    {11, "EAGAIN", "pages were in use elsewhere for a moment; it is tried again"},
    {12, "ENOMEM", "no huge page was free: memory is fragmented or short; see /proc/buddyinfo"},
    {16, "EBUSY", "the memory cgroup could not be charged: it is at its limit"},
    {22, "EINVAL", "not eligible: no MADV_COLLAPSE in this kernel, or THP is off for the process"},
};

model::Table refusalTable(const heapprof::Purges& purges) {
  Column count = numberColumn("count", "Refused", Unit::kCount, "times that a huge page was not formed");
  Column cause = textColumn("cause", "Cause", "the error's name");
  Column number = numberColumn("errno", "Errno", Unit::kCount, "the error's number; 0: any other");
  Column help = textColumn("help", "Meaning", "what it says of the machine");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;  // count, errno
  const int known = std::min(purges.collapse_failure_errno_size(), purges.collapse_failure_count_size());
  for (int i = 0; i < known; ++i) {
    rows.emplace_back(purges.collapse_failure_count(i), purges.collapse_failure_errno(i));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [times, error] : rows) {
    const auto* const found = std::find_if(std::begin(kCauses), std::end(kCauses),
                                           [error = error](const auto& row) { return row.number == error; });
    const bool named = found != std::end(kCauses);
    addKnown(count, static_cast<double>(times));
    cause.texts.push_back(named ? found->name : error == 0 ? "others" : absl::StrCat("errno ", error));
    addKnown(number, static_cast<double>(error));
    help.texts.emplace_back(named ? found->help : "the runtime does not tell these apart");
  }
  return tableOf("collapse_refusals", "Huge pages that the kernel refused to form, by cause",
                 {std::move(count), std::move(cause), std::move(number), std::move(help)});
}

struct Blocker {
  const char *id, *label, *help;
};
// The levels of frag, read from the side of who would purge them.
constexpr Blocker kLevels[] = {
    {"loose", "free huge pages, kept",
     "nobody pins them: the policy keeps them for the next peak; HEAPPROF=purge=eager or "
     "heapprof_purge() returns them"},
    {"page", "free pages of huge pages in use",
     "returning them breaks a huge page; the objects beside them pin it"},
    {"slab", "free slots of slabs in use", "a slab goes back whole: its last objects pin it"},
};

model::Table blockedTable(const model::Snapshot& snapshot, const FragResult* frag) {
  Column id = textColumn("id", "Id", "stable name");
  Column label = textColumn("label", "What", "resident memory that is free");
  Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "resident");
  Column help = textColumn("help", "Why it stays", "what blocks it and what would free it");
  const auto add = [&](const Blocker& blocker, Figure value) {
    id.texts.emplace_back(blocker.id);
    label.texts.emplace_back(blocker.label);
    help.texts.emplace_back(blocker.help);
    value ? addKnown(bytes, *value) : addUnknown(bytes);
  };
  for (const Blocker& blocker : kLevels) {
    Figure value;
    if (frag != nullptr) {
      const std::vector<std::string>& ids = frag->levels.find("id")->texts;
      const auto at = std::find(ids.begin(), ids.end(), blocker.id);
      const std::size_t row = static_cast<std::size_t>(at - ids.begin());
      const Column& level = *frag->levels.find("bytes");
      if (at != ids.end() && level.isKnown(row)) value = level.values[row];
    }
    add(blocker, value);
  }
  const heapprof::Totals& totals = snapshot.heap().totals();
  add({"thread_caches", "thread caches", "goes back when the threads free or end; part of the free slots"},
      totals.has_thread_cache_bytes() ? Figure(static_cast<double>(totals.thread_cache_bytes())) : Figure());
  add({"hostage", "heaps of threads that sleep",
       "a thread that sleeps does not purge; part of the lines above"},
      totals.has_hostage_bytes() ? Figure(static_cast<double>(totals.hostage_bytes())) : Figure());
  return tableOf("blocked", "Free, resident and not purged",
                 {std::move(label), std::move(bytes), std::move(help), std::move(id)});
}

std::string answerOf(const heapprof::Purges& purges) {
  if (purges.has_passes() && purges.passes() == 0) return "nothing was purged.";
  if (!purges.has_returned_bytes() || !purges.has_refaulted_60s_bytes())
    return "whether purging paid is unknown: the dump does not say what came back.";
  const double returned = static_cast<double>(purges.returned_bytes());
  const double back = static_cast<double>(purges.refaulted_60s_bytes());
  if (returned == 0) return "nothing was returned to the kernel.";
  const double share = 100 * back / returned;
  const char* verdict = share < 10   ? "purging pays"
                        : share < 50 ? "purging pays in part; see which reason is wrong"
                                     : "purging does not pay; purge later (HEAPPROF=purge=SECONDS)";
  return absl::StrFormat("%s. Of %s returned, %s (%.1f%%) was needed again within a minute.", verdict,
                         model::bytesText(returned), model::bytesText(back), share);
}

}  // namespace

absl::StatusOr<PurgeResult> purges(const model::Query& query, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const model::Snapshot& snapshot = *query.snapshot;
  if (!snapshot.hasHeapSnapshot()) {
    return absl::FailedPreconditionError(
        absl::StrCat(snapshot.path(),
                     ": holds stacks only, nothing of purging (it was not written by libheapprof, or was ",
                     "rewritten by another tool); record one with: heapprof run -- CMD"));
  }
  const heapprof::Purges& account = snapshot.heap().purges();
  PurgeResult result;
  result.figures = figuresOf(account);
  result.answer = answerOf(account);
  result.reasons = reasonTable(account);
  result.events = eventTable(snapshot);
  addSpreads(account, result);
  result.refusals = refusalTable(account);
  if (!snapshot.heap().has_purges()) {
    result.reasons.notes.emplace_back(
        "this dump keeps no account of purging: its runtime did not record one");
  }
  if (account.refaulted_60s_bytes() > 0) {
    result.reasons.notes.emplace_back(
        "memory counts as back when it is handed out again, a block of many pages as a whole whether it is "
        "touched or not: more can come back than one purge returned");
  }
  absl::StatusOr<FragResult> frag = fragmentation(query, cancel);
  if (!frag.ok() && !absl::IsFailedPrecondition(frag.status())) return frag.status();
  result.blocked = blockedTable(snapshot, frag.ok() ? &*frag : nullptr);
  if (frag.ok()) {
    result.pinnedBy = std::move(frag->stacks);
  } else {
    result.blocked.notes.emplace_back("who pins it is not known: the dump holds no map of the heap");
    result.pinnedBy = tableOf("frag_stacks", "Who pins it", {});
  }
  return result;
}

}  // namespace heapprof::analysis
