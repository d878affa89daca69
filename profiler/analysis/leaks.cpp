#include "profiler/analysis/leaks.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"

#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

struct Judged {
  const StackHistory* stack = nullptr;
  LeakJudgement judgement;

  double live() const { return stack->points.back().bytes; }
  double worth() const {
    if (judgement.verdict == LeakVerdict::kGrowing) return judgement.growth;
    if (judgement.verdict == LeakVerdict::kOldNeverFreed) return judgement.oldBytes;
    return live();
  }
};

bool comesFirst(const Judged& a, const Judged& b) {
  const bool suspect[2] = {isSuspect(a.judgement.verdict), isSuspect(b.judgement.verdict)};
  if (suspect[0] != suspect[1]) return suspect[0];
  if (!suspect[0] && a.judgement.verdict != b.judgement.verdict)
    return a.judgement.verdict < b.judgement.verdict;
  return a.worth() > b.worth();
}

model::Table stacksTable(const std::vector<Judged>& all, std::size_t dumps) {
  Column verdict =
      textColumn("verdict", "Verdict", "what its history looks like; growing and old ones are suspects");
  Column live = numberColumn("live", "Live", Unit::kBytes, "at the last dump");
  Column growth = numberColumn("growth", "Growth", Unit::kBytes, "last dump minus first one", true);
  Column rate = numberColumn("rate", "Rate", Unit::kBytesPerSecond,
                             "slope of a weighted regression over all dumps", true);
  Column oldest = numberColumn("oldest", "Oldest", Unit::kNanoseconds, "age of its oldest live object");
  Column freed = numberColumn("freed", "Freed", Unit::kFraction, "of the objects it ever allocated");
  Column evidence = textColumn("evidence", "Evidence", "what the verdict rests on");
  Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  Column stack = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  Column place = textColumn("place", "Place", "file and line of that function's call");
  for (const Judged& one : all) {
    const LeakJudgement& found = one.judgement;
    verdict.texts.emplace_back(verdictName(found.verdict));
    addWithError(live, one.live(), std::sqrt(one.stack->points.back().variance));
    if (dumps > 1) {
      addWithError(growth, found.growth, found.growthError);
      addWithError(rate, found.slope, found.slopeError);
    } else {
      addUnknown(growth);
      addUnknown(rate);
    }
    one.stack->ages.empty() ? addUnknown(oldest) : addKnown(oldest, one.stack->ages.front().seconds * 1e9);
    one.stack->allocated > 0 ? addKnown(freed, one.stack->freed / one.stack->allocated) : addUnknown(freed);
    evidence.texts.push_back(found.evidence);
    owner.texts.push_back(one.stack->owner);
    stack.texts.push_back(one.stack->stack);
    place.texts.push_back(one.stack->place);
  }
  model::Table table;
  table.id = "leaks";
  table.title = "Stacks by verdict";
  table.columns = {std::move(verdict), std::move(live),  std::move(growth),   std::move(rate),
                   std::move(oldest),  std::move(freed), std::move(evidence), std::move(owner),
                   std::move(stack),   std::move(place)};
  return table;
}

model::Table verdictsTable(const std::vector<Judged>& all) {
  struct Sum {
    double stacks = 0, live = 0, largest = 0;
    std::string owner;
  };
  std::map<LeakVerdict, Sum> sums;
  for (const Judged& one : all) {
    Sum& sum = sums[one.judgement.verdict];
    sum.stacks += 1;
    sum.live += one.live();
    if (one.live() < sum.largest) continue;
    sum.largest = one.live();
    sum.owner = one.stack->owner;
  }
  Column verdict = textColumn("verdict", "Verdict", "as in the list of stacks");
  Column stacks = numberColumn("stacks", "Stacks", Unit::kCount, "so many");
  Column live = numberColumn("live", "Live", Unit::kBytes, "at the last dump, of them all");
  Column owner = textColumn("owner", "Largest", "the function of the largest of them");
  for (const auto& [which, sum] : sums) {
    verdict.texts.emplace_back(verdictName(which));
    addKnown(stacks, sum.stacks);
    addKnown(live, sum.live);
    owner.texts.push_back(sum.owner);
  }
  model::Table table;
  table.id = "verdicts";
  table.title = "All stacks";
  table.columns = {std::move(verdict), std::move(stacks), std::move(live), std::move(owner)};
  return table;
}

model::Table suppressedTable(const std::vector<Suppression>& suppressions) {
  Column pattern = textColumn("pattern", "Suppression", "as in the file");
  Column stacks = numberColumn("stacks", "Stacks", Unit::kCount, "that it matched");
  Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "live, of these");
  for (const Suppression& one : suppressions) {
    pattern.texts.push_back(one.pattern);
    addKnown(stacks, static_cast<double>(one.stacks));
    addKnown(bytes, one.bytes);
  }
  model::Table table;
  table.id = "suppressed";
  table.title = "Suppressed";
  table.columns = {std::move(pattern), std::move(stacks), std::move(bytes)};
  return table;
}

// "No suspects" is said only where somebody could have been one.
std::string answerOf(const LeakReport& report, const std::vector<DumpMoment>& dumps) {
  const auto unsampled = [](const DumpMoment& dump) { return dump.unsampled; };
  if (std::all_of(dumps.begin(), dumps.end(), unsampled)) {
    return "unknown: sampling was off, so no stack is known; record with heapprof run --sample 512k -- CMD";
  }
  const auto counted = [](std::size_t count, const char* what) {
    return absl::StrCat(count, what, count == 1 ? "" : "s");
  };
  const std::string found =
      report.suspects == 0 ? std::string("no suspects") : counted(report.suspects, " suspect");
  if (dumps.size() >= 3 || report.undecided == 0) return found;
  return absl::StrCat(report.suspects == 0 ? "" : found + ", ", counted(report.undecided, " stack"),
                      dumps.size() == 1 ? " never freed anything" : " grew", ", too few dumps to tell");
}

}  // namespace

LeakReport leakReport(const Histories& histories, std::vector<Suppression> suppressions) {
  LeakReport report;
  std::vector<Judged> all;
  const bool oneProcess = histories.oneProcess();
  for (const StackHistory& stack : histories.stacks()) {
    bool everLived = false;
    for (const StackPoint& point : stack.points) everLived = everLived || point.bytes > 0;
    if (!everLived) continue;
    if (Suppression* match = findSuppression(suppressions, stack.stack, stack.modules)) {
      ++match->stacks;
      match->bytes += stack.points.back().bytes;
      continue;
    }
    all.push_back({&stack, judge(stack, histories.dumps(), oneProcess)});
    const LeakVerdict verdict = all.back().judgement.verdict;
    report.suspects += isSuspect(verdict) ? 1 : 0;
    report.undecided += verdict == LeakVerdict::kGrew || verdict == LeakVerdict::kStillAllocating ? 1 : 0;
  }
  std::stable_sort(all.begin(), all.end(), comesFirst);
  report.stacks = stacksTable(all, histories.dumps().size());
  report.verdicts = verdictsTable(all);
  report.suppressed = suppressedTable(suppressions);
  if (!oneProcess) {
    report.stacks.notes.emplace_back(
        "the dumps are of several processes: ages are those of the last one, growth is between programs");
  }
  if (histories.dumps().size() < 3) {
    report.stacks.notes.emplace_back(
        "growth is judged from three dumps on; heapprof run --dump signal:USR2 takes one at each kill -USR2");
  }
  report.answer = answerOf(report, histories.dumps());
  return report;
}

}  // namespace heapprof::analysis
