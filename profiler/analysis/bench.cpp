#include "profiler/analysis/bench.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::Unit;
using Value = absl::optional<double>;

constexpr double kWantedChance = 0.9;
constexpr double kLeastChance = 0.85;  // below it nothing is decided

Value medianOf(std::vector<double> values) {
  if (values.empty()) return absl::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Column column(std::string id, std::string title, Unit unit, std::string help) {
  Column made;
  made.id = std::move(id);
  made.title = std::move(title);
  made.unit = unit;
  made.help = std::move(help);
  return made;
}

void append(Column* column, Value value) {
  column->values.push_back(value.value_or(0));
  column->known.push_back(value ? 1 : 0);
}

// The figure's column, still empty.
Column& appendFigure(model::Table* table, std::size_t figure) {
  const BenchFigure& facts = benchFigures()[figure];
  return table->columns.emplace_back(column(facts.id, facts.title, facts.unit, facts.help));
}

bool counts(const BenchRuns& runs, std::size_t allocator) {
  return runs.failed.empty() || !runs.failed[allocator];
}

std::vector<double> valuesOf(const BenchRuns& runs, std::size_t allocator, std::size_t figure) {
  std::vector<double> values;
  for (const BenchRun& run : runs.runs) {
    if (run.allocator == allocator && run.figures[figure]) values.push_back(*run.figures[figure]);
  }
  return values;
}

// The base's figure and the allocator's of each round that has both.
std::vector<std::pair<double, double>> pairsOf(const BenchRuns& runs, std::size_t allocator,
                                               std::size_t figure) {
  std::vector<std::pair<double, double>> pairs;
  for (const BenchRun& base : runs.runs) {
    if (base.allocator != runs.base || !base.figures[figure]) continue;
    for (const BenchRun& other : runs.runs) {
      if (other.allocator == allocator && other.round == base.round && other.figures[figure])
        pairs.emplace_back(*base.figures[figure], *other.figures[figure]);
    }
  }
  return pairs;
}

struct Verdict {
  Value ratio, low, high;
  std::string text;
};

std::string percentText(double fraction) {
  const double percent = std::abs(fraction) * 100;
  return absl::StrFormat(percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
}

Verdict verdictOn(const std::vector<std::pair<double, double>>& pairs, const BenchFigure& figure) {
  Verdict verdict;
  if (pairs.empty()) {
    verdict.text = "not measured";
    return verdict;
  }
  std::vector<double> ratios, differences;
  for (const auto& [base, other] : pairs) {
    differences.push_back(other - base);
    if (base > 0) ratios.push_back(other / base);
  }
  std::sort(ratios.begin(), ratios.end());
  std::sort(differences.begin(), differences.end());
  const MedianInterval interval = medianInterval(pairs.size());
  if (ratios.size() == pairs.size()) {
    verdict.ratio = medianOf(ratios);
    verdict.low = ratios[interval.low];
    verdict.high = ratios[interval.high];
  }
  const double low = differences[interval.low], high = differences[interval.high];
  const bool less = high < 0;
  const bool more = low > 0;
  if (differences.front() == 0 && differences.back() == 0) {
    verdict.text = "the same";
  } else if (interval.chance < kLeastChance) {
    verdict.text = "too few rounds to tell";
  } else if (!less && !more) {
    verdict.text = "no difference beyond noise";
  } else {
    verdict.text = less ? figure.less : figure.more;
    if (verdict.ratio) absl::StrAppend(&verdict.text, " by ", percentText(*verdict.ratio - 1));
  }
  return verdict;
}

model::Table medians(const BenchRuns& runs) {
  model::Table table;
  table.id = "medians";
  table.title = "Medians";
  Column names = column("allocator", "Allocator", Unit::kText, "What malloc and free were.");
  Column counted = column("runs", "Runs", Unit::kCount, "So many runs the median is of; 0: it failed.");
  for (std::size_t i = 0; i < runs.allocators.size(); ++i) {
    names.texts.push_back(runs.allocators[i]);
    append(&counted, counts(runs, i) ? static_cast<double>(valuesOf(runs, i, kWallTime).size()) : 0);
  }
  table.columns = {std::move(names), std::move(counted)};
  if (!runs.libraries.empty()) {
    table.columns.push_back(column("library", "Library", Unit::kText,
                                   "What was in LD_PRELOAD; empty: nothing, so libc's malloc."));
    table.columns.back().texts = runs.libraries;
  }
  for (std::size_t figure = 0; figure < kBenchFigures; ++figure) {
    Column& made = appendFigure(&table, figure);
    for (std::size_t i = 0; i < runs.allocators.size(); ++i) {
      append(&made, counts(runs, i) ? medianOf(valuesOf(runs, i, figure)) : absl::nullopt);
    }
  }
  return table;
}

model::Table verdicts(const BenchRuns& runs) {
  model::Table table;
  table.id = "verdicts";
  table.title = absl::StrCat("Against ", runs.allocators[runs.base], ", round by round");
  Column figures = column("figure", "Figure", Unit::kText, "What was measured: a column of the medians.");
  Column names = column("allocator", "Allocator", Unit::kText, "What is compared with the base.");
  Column ratio = column("ratio", "Ratio", Unit::kCount,
                        "Median over rounds of this allocator's figure over the base's of the same round.");
  Column low = column("ratio_low", "From", Unit::kCount,
                      "Between this and the next the true median lies, with the chance that is told.");
  Column high = column("ratio_high", "To", Unit::kCount, "The interval's upper end.");
  Column texts = column("verdict", "Verdict", Unit::kText,
                        "Whether the interval is on one side of the base; what is within it may be chance.");
  for (std::size_t figure = 0; figure < kBenchFigures; ++figure) {
    for (std::size_t i = 0; i < runs.allocators.size(); ++i) {
      if (i == runs.base || !counts(runs, i) || !counts(runs, runs.base)) continue;
      const Verdict verdict = verdictOn(pairsOf(runs, i, figure), benchFigures()[figure]);
      figures.texts.emplace_back(benchFigures()[figure].id);
      names.texts.push_back(runs.allocators[i]);
      append(&ratio, verdict.ratio);
      append(&low, verdict.low);
      append(&high, verdict.high);
      texts.texts.push_back(verdict.text);
    }
  }
  table.columns = {std::move(figures), std::move(names), std::move(ratio),
                   std::move(low),     std::move(high),  std::move(texts)};
  return table;
}

model::Table measured(const BenchRuns& runs) {
  model::Table table;
  table.id = "runs";
  table.title = "Runs";
  Column round = column("round", "Round", Unit::kCount, "From 1; the warm-up is not among them.");
  Column place =
      column("place", "Place", Unit::kCount, "In its round; the order changes from round to round.");
  Column names = column("allocator", "Allocator", Unit::kText, "What malloc and free were.");
  for (const BenchRun& run : runs.runs) {
    append(&round, static_cast<double>(run.round));
    append(&place, static_cast<double>(run.place));
    names.texts.push_back(runs.allocators[run.allocator]);
  }
  table.columns = {std::move(round), std::move(place), std::move(names)};
  for (std::size_t figure = 0; figure < kBenchFigures; ++figure) {
    Column& made = appendFigure(&table, figure);
    for (const BenchRun& run : runs.runs) append(&made, run.figures[figure]);
  }
  return table;
}

}  // namespace

absl::Span<const BenchFigure> benchFigures() {
  static constexpr BenchFigure kFigures[] = {
      {"wall_time", "Wall time", "wall", Unit::kNanoseconds, "faster", "slower",
       "From the program's start to its end, by the clock."},
      {"cpu_time", "CPU time", "CPU", Unit::kNanoseconds, "less", "more",
       "User and system time of the command and of all processes that it waited for."},
      {"peak_rss", "Peak RSS", "peak RSS", Unit::kBytes, "less", "more",
       "The most that the command's largest process had resident: the kernel's own figure."},
      {"end_rss", "RSS at end", "end RSS", Unit::kBytes, "less", "more",
       "Of the largest process when the command ended: what it would have gone on holding."},
      {"huge_bytes", "Huge pages", "huge", Unit::kBytes, "less", "more",
       "The most that one process had in transparent huge pages at any reading (AnonHugePages)."},
      {"minor_faults", "Minor faults", "faults", Unit::kCount, "fewer", "more",
       "Pages first touched: each costs time in the kernel."},
      {"major_faults", "Major faults", "major", Unit::kCount, "fewer", "more",
       "Pages that had to be read from a disk first; many mean that memory is short or files are cold."},
  };
  static_assert(std::size(kFigures) == kBenchFigures);
  return kFigures;
}

// The median lies below the k-th smallest (from 0) of n with the chance that at most k of n are below it:
// a sum of binomials. Both ends are moved inwards as long as enough is left.
MedianInterval medianInterval(std::size_t n) {
  MedianInterval interval;
  if (n == 0) return interval;
  double term = std::pow(0.5, static_cast<double>(n)), outside = 0;
  for (std::size_t k = 0; 2 * k < n; ++k) {
    outside += 2 * term;
    if (k > 0 && 1 - outside < kWantedChance) break;
    interval = {k, n - 1 - k, std::max(0.0, 1 - outside)};
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  return interval;
}

BenchResult bench(const BenchRuns& runs) {
  BenchResult result;
  result.medians = medians(runs);
  result.verdicts = verdicts(runs);
  result.runs = measured(runs);
  for (const BenchRun& run : runs.runs) result.rounds = std::max(result.rounds, run.round);
  result.chance = medianInterval(result.rounds).chance;
  return result;
}

}  // namespace heapprof::analysis
