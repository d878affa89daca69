// `addSpreads()`: how passes and refaults are spread, by powers of two.
#include <cmath>
#include <utility>

#include "profiler/analysis/purge.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::Unit;

struct Spec {
  const char *id, *title, *tableTitle, *from, *count, *counted;
  Unit unit;
  bool (heapprof::Purges::*has)() const;
  const heapprof::Histogram& (heapprof::Purges::*histogram)() const;
};
constexpr Spec kSpecs[] = {
    {"pass_bytes", "A pass advises", "Passes by bytes advised", "the pass advised at least so much", "Passes",
     "passes", Unit::kBytes, &heapprof::Purges::has_bytes_histogram, &heapprof::Purges::bytes_histogram},
    {"pass_times", "A pass takes", "Passes by time", "the pass took at least so long", "Passes", "passes",
     Unit::kNanoseconds, &heapprof::Purges::has_time_histogram, &heapprof::Purges::time_histogram},
    {"refault_ages", "Needed again after", "Needed again, by age",
     "it was handed out again so long after its purge", "Pages", "pages, a block of many as a whole",
     Unit::kNanoseconds, &heapprof::Purges::has_refault_age_histogram,
     &heapprof::Purges::refault_age_histogram},
};

// Bucket i is [2^i, 2^(i+1)); bucket 0 begins at 0.
double startOf(int bucket) {
  return bucket == 0 ? 0 : std::ldexp(1.0, bucket);
}

model::Table tableOf(const Spec& spec, const heapprof::Histogram& histogram, bool known) {
  Column from = numberColumn("from", "From", spec.unit, spec.from);
  Column to = numberColumn("to", "To", spec.unit, "and less than this");
  Column count = numberColumn("count", spec.count, Unit::kCount, spec.counted);
  for (int i = 0; i < histogram.count_size(); ++i) {
    if (histogram.count(i) == 0) continue;
    addKnown(from, startOf(i));
    addKnown(to, startOf(i + 1));
    addKnown(count, static_cast<double>(histogram.count(i)));
  }
  model::Table table;
  table.id = spec.id;
  table.title = spec.tableTitle;
  table.columns = {std::move(from), std::move(to), std::move(count)};
  if (!known) table.notes.emplace_back("unknown: the dump's runtime did not count it");
  return table;
}

// The end of the first bucket with which `share` of all are reached.
absl::optional<double> below(const model::Table& table, double share) {
  const std::vector<double>& counts = table.find("count")->values;
  double all = 0, sum = 0;
  for (const double count : counts) all += count;
  for (std::size_t row = 0; row < counts.size(); ++row) {
    sum += counts[row];
    if (sum >= share * all) return table.find("to")->values[row];
  }
  return absl::nullopt;
}

}  // namespace

void addSpreads(const heapprof::Purges& purges, PurgeResult& result) {
  for (const Spec& spec : kSpecs) {
    const model::Table& table =
        result.histograms.emplace_back(tableOf(spec, (purges.*spec.histogram)(), (purges.*spec.has)()));
    result.spreads.push_back({spec.id, spec.title, spec.unit, (purges.*spec.has)(), below(table, 0.5),
                              below(table, 0.9), below(table, 0.99)});
  }
}

}  // namespace heapprof::analysis
