// Stacks through several dumps of one program: what each held when, what was born and died in between, and
// how old what lives is. What leaks are judged by.
//
// Invariant: dumps are in order of time; every stack has a point a dump (zeros where it held nothing). Stacks
// are one where all their frames' names are equal, whatever process or build. Memory: dumps x stacks x 40
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/row_groups.h"

namespace heapprof::analysis {

inline constexpr std::size_t kLifetimeBuckets =
    48;  // of Stacks.lifetime_buckets: powers of two in nanoseconds

struct DumpMoment {
  std::string path;
  std::uint64_t nanos = 0;  // of the dump
  double seconds = 0;       // the same, from the first one's
  double uptime = 0;        // of its process
  std::uint64_t pid = 0, start = 0;
  bool unsampled = false;  // model::Snapshot::isUnsampled()
};

struct StackPoint {
  double bytes = 0, variance = 0;  // live; variance NaN: unknown
  double bornVariance = 0;         // of all that was ever allocated: grows from dump to dump
  double diedVariance = 0;
  double samples = 0;  // live ones, unweighted
};

struct LiveAge {
  double seconds = 0;
  double bytes = 0;  // estimate
};

struct StackHistory {
  std::string owner, stack, place, modules;
  std::vector<StackPoint> points;  // by dump
  // Of the last dump:
  std::vector<LiveAge> ages;        // oldest first
  double allocated = 0, freed = 0;  // samples, unweighted
  std::array<double, kLifetimeBuckets> lifetimes{};
};

class Histories {
 public:
  // A dump, in any order of time; it may be let go afterwards.
  absl::Status add(const model::Query& query, const Cancel& cancel = {});
  void finish();  // after the last one: puts dumps in order

  const std::vector<DumpMoment>& dumps() const { return dumps_; }
  const std::vector<StackHistory>& stacks() const { return stacks_; }
  // Births and deaths between dumps are known: all are of one process.
  bool oneProcess() const;

 private:
  std::vector<std::size_t> rowsOf(const RowGroups& groups);
  void addAges(const model::Snapshot& snapshot, const RowGroups& groups,
               const std::vector<std::size_t>& stackOf);

  std::vector<DumpMoment> dumps_;
  std::vector<StackHistory> stacks_;
  absl::flat_hash_map<std::string, std::size_t> rowOf_;
  std::uint64_t latest_ = 0;
};

}  // namespace heapprof::analysis
