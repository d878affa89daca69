// What purging achieved and what stands in its way: each purge is an experiment that the runtime scores.
//
// Invariant: as in analyses.h. What the dump does not say is unknown: a dump of a runtime that keeps no such
// account gives unknown figures and empty lists, not zeros.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::analysis {

struct PurgeResult {
  struct Figure {
    const char* id;
    const char* title;
    model::Unit unit;
    absl::optional<double> value;
    absl::optional<double> base = absl::nullopt;  // of the other dump, after changed()
  };
  // Of a histogram: half of what it counts is below `half`, and so on. They are ends of its buckets, which
  // are powers of two: a bound that holds, not a guess between two of them.
  struct Spread {
    const char* id;     // of its table
    const char* title;  // "A pass advises"
    model::Unit unit;
    bool counted;  // where the dump has it but nothing in it, there are no bounds either
    absl::optional<double> half, mostOf90, mostOf99;
  };
  std::vector<Figure> figures;           // passes, advised, resident before, returned, refaulted, ...
  std::vector<Spread> spreads;           // of the three histograms
  model::Table reasons;                  // of the listed purges, by reason: sums, verdicts
  model::Table events;                   // the last purges, oldest first
  std::vector<model::Table> histograms;  // from, to, count: passes by bytes and time; pages by age at refault
  model::Table refusals;                 // of forming huge pages, by cause: count, errno; most first
  model::Table blocked;                  // resident free memory that is not purged, and why; most first
  model::Table pinnedBy;                 // stacks whose objects pin most of it
  std::string answer;                    // one sentence: whether purging paid
};

// The histograms and their spreads; where the dump has none, their tables are empty and say so.
void addSpreads(const heapprof::Purges& purges, PurgeResult& result);

// With each figure what it was in the base, and with each table but those of single purges a column `change`.
PurgeResult changed(PurgeResult now, const PurgeResult& base);

absl::StatusOr<PurgeResult> purges(const model::Query& query, const Cancel& cancel = {});

}  // namespace heapprof::analysis
