// Every analysis, as pure functions from a Query to a result. What a page shows and what a verb prints is one
// of these.
//
// Invariant: no I/O, no globals, no clocks; thread-safe on shared snapshots. Long ones take a Cancel and
// return absl::CancelledError soon after it says so. Errors are one line that names the field or expression.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

#include "profiler/model/query.h"
#include "profiler/model/table.h"

namespace heapprof::analysis {

using Cancel = std::function<bool()>;  // true: stop now; may be empty

// The Table unit of a sample type's unit ("bytes", "count", "nanoseconds").
model::Unit unitOf(absl::string_view sampleUnit);

// ---- Stacks
// -------------------------------------------------------------------------------------------------------

// Totals that a `top` header needs, and the rows: name, flat, flat_fraction, sum_fraction, cum, cum_fraction,
// with standard errors where the dump has variances.
struct TopResult {
  model::Table table;  // columns: flat, flat_fraction, sum_fraction, cum, cum_fraction, name, inline_state
  double total = 0;    // pprof's: of absolute values, or of the base with -diff_base
  double shownFlat = 0;
  std::size_t droppedNodes = 0;
  double dropBelowCum = 0;
  std::size_t keptNodes = 0;  // after dropping, before nodeCount cut them off
  std::string unit;           // "bytes", "count"
  std::string metric;         // the sample type's name
};
absl::StatusOr<TopResult> top(const model::Query& query, const Cancel& cancel = {});

// pprof's `tree` and `peek`: the functions with who calls them and whom they call.
struct TreeResult {
  TopResult top;       // the whole graph, for headers and units
  model::Table rows;   // the listed functions, as top's table
  model::Table calls;  // row (of rows), function, direction, name, weight, weight_fraction, inline_state
};
// `regex` as peek's: only functions whose name matches are listed, and none is an error; "": all.
absl::StatusOr<TreeResult> tree(const model::Query& query, absl::string_view regex = "",
                                const Cancel& cancel = {});

// Samples one by one as pprof's merge leaves them; `merged` is that profile, for headers.
struct SamplesResult {
  model::Table table;
  model::Query merged;
  double total = 0;
  std::string unit, metric;
};
// value, labels, stack: texts of several lines.
absl::StatusOr<SamplesResult> traces(const model::Query& query, const Cancel& cancel = {});
// What samples hold by label: key, value, sum, key_total.
absl::StatusOr<SamplesResult> tags(const model::Query& query, const Cancel& cancel = {});

// The profile as it is, merged and filtered: pprof's -raw.
struct RawResult {
  model::Table samples, locations, mappings;
  model::SnapshotPtr merged;
};
absl::StatusOr<RawResult> raw(const model::Query& query, const Cancel& cancel = {});

// A call tree in arrays, root 0, children contiguous and sorted by |total| falling. With a baseline every
// node of either side exists once, with both sides' figures.
struct CallTree {
  struct Node {
    std::uint32_t name = 0;  // index into `names`
    std::uint32_t parent = 0;
    std::uint32_t firstChild = 0;
    std::uint32_t childCount = 0;
    std::uint32_t module = 0;  // index into `modules`
    std::uint32_t depth = 0;
    double self = 0, total = 0;          // of the snapshot
    double baseSelf = 0, baseTotal = 0;  // of the baseline; 0 without one
  };
  std::vector<Node> nodes;  // breadth first
  std::vector<std::string> names;
  std::vector<std::string> modules;
  std::string unit;
  bool hasBaseline = false;
};
enum class TreeDirection { kTopDown, kBottomUp };
absl::StatusOr<CallTree> callTree(const model::Query& query,
                                  TreeDirection direction = TreeDirection::kTopDown,
                                  const Cancel& cancel = {});

// Growth by stack between baseline and snapshot, largest |change| first: state (NEW, GONE, GROWN, SHRUNK,
// SAME within error), change with its standard error, base, new, objects, the function that owns it (first
// frame that is neither the allocator nor libstdc++/libc plumbing) and the whole stack. At function
// granularity.
absl::StatusOr<model::Table> diffStacks(const model::Query& query, const Cancel& cancel = {});
// What each function stores: the first one of a stack that is not allocation plumbing (owner.h), over all its
// stacks. Columns: held, share, objects, stacks, name; with a baseline change, base, held, objects (change),
// stacks, name. Largest first, by |change| with a baseline.
absl::StatusOr<model::Table> owners(const model::Query& query, const Cancel& cancel = {});
// Totals, size classes and huge pages side by side.
absl::StatusOr<model::Table> diffTotals(const model::Query& query);

// ---- Pages
// --------------------------------------------------------------------------------------------------------

// The RSS waterfall. Rows sum to the kernel's figure together with the last row, `unattributed` (signed).
// Columns: id, label, bytes (known or not, with standard error), base, change, fraction, help.
absl::StatusOr<model::Table> waterfall(const model::Query& query);

// Fragmentation: what the heap's resident memory is besides live objects, and who pins it (frag_shares.h has
// the rule). Filters choose which stacks are listed, not what is shared out.
struct FragResult {
  model::Table levels;  // id, label, bytes, fraction (of the heap's resident bytes), help
  model::Table
      stacks;  // pins, comes_back, slab, page, holds, slack, objects, owner, stack: most pinned first
  model::Table classes;    // class_size, free, slack, live_fraction, slabs, live_objects, capacity, resident
  model::Table occupancy;  // huge pages by how full of live bytes they are
  model::Table pages;   // the huge pages with most free: start, free, live_fraction, ..., owner of most of it
  double resident = 0;  // of the heap
  double live = 0;
  absl::optional<double> baseResident, baseLive;  // of changed()
};
// Of the query's snapshot alone, whatever its baseline.
absl::StatusOr<FragResult> fragmentation(const model::Query& query, const Cancel& cancel = {});
// `now` with a signed column `change` in levels, stacks, classes and occupancy; stacks and classes by how
// much they changed. Rows that only the base has are there. Pages are those of `now`.
FragResult changed(FragResult now, const FragResult& base);

// How live objects' requests fit the size classes, by sampling, and as many classes that would fit better.
struct SizesResult {
  model::Table classes;  // class_size, objects, mean, least, most, slots, slack, fit
  model::Table
      misfits;  // slack, least, most, class_size, over, below, objects, owner, stack: most slack first
  double requested = 0, slotBytes = 0;
  std::vector<std::uint64_t> used, proposed;  // slot sizes, rising
  double saved = 0, savedError = 0;           // bytes, on the samples that the proposal was fitted to
  double savedHeldOut = 0;                    // the same, fitted on one half and judged on the other
};
// classCount 0: as many as the program uses now.
absl::StatusOr<SizesResult> sizes(const model::Query& query, std::size_t classCount = 0,
                                  const Cancel& cancel = {});

// Money: what each line of the waterfall and each of the largest owners costs.
struct Price {
  std::string text;         // as given
  std::string currency;     // "$"; may be ""
  double perByteMonth = 0;  // a month is a twelfth of 365.25 days
};
// "4.2/GiB-month", "$0.006/GB-hour": GiB is 2^30, GB 10^9 bytes.
absl::StatusOr<Price> parsePrice(absl::string_view text);
struct CostResult {
  model::Table lines;               // id, label, bytes, month, low, high
  model::Table owners;              // owner, bytes, month, low, high: largest first
  double month = 0, peakMonth = 0;  // of RSS now and at its peak; NaN: unknown
  std::vector<std::string> assumptions;
};
absl::StatusOr<CostResult> cost(const model::Query& query, const Price& price, double replicas);

struct Finding {
  std::string id;       // "unattributed", "free_slots", "growth", ...
  std::string title;    // one sentence with its figure
  std::string detail;   // evidence, and what to do
  double bytes = 0;     // what it is worth; the ranking
  std::string command;  // the exact CLI command that shows it
  std::string page;     // the explorer's page id that shows it
};
// At most five, ranked by bytes; with a baseline what grew comes first.
absl::StatusOr<std::vector<Finding>> findings(const model::Query& query);

// As a person calls it: "redis-server (redis-check-rdb)" where the command line and the executable's file
// differ.
// "" where the dump does not say.
std::string programName(const model::Snapshot& snapshot);

// Why the dump was taken: "on a signal", "at exit"; "" where it does not say.
std::string dumpReason(const model::Snapshot& snapshot);

// What the dump holds, when and how it was taken, what it could not know: rows of (group, name, value).
absl::StatusOr<model::Table> info(const model::SnapshotPtr& snapshot);

// The map, structure of arrays sorted by address, one row a huge page (placement unit).
struct HeapMap {
  std::uint64_t regionStart = 0, placementBytes = 0, granuleBytes = 0, pageBytes = 0;
  std::vector<std::uint64_t> index;       // unit number from regionStart
  std::vector<float> usedFraction;        // granules in use
  std::vector<float> liveFraction;        // live bytes by allocated size / placementBytes; NaN unknown
  std::vector<float> residentFraction;    // kernel's word; NaN unknown
  std::vector<std::uint8_t> kernelState;  // heapprof::KernelState
  std::vector<std::uint64_t> ageNanos;    // 0 unknown
  std::vector<float> changeFraction;      // live - base's live of the same address; empty without a baseline
};
absl::StatusOr<HeapMap> heapMap(const model::Query& query, const Cancel& cancel = {});

// One huge page for the inspector: extents within it, resident pages, and the stacks of samples that lie in
// it.
struct UnitDetail {
  std::uint64_t start = 0;
  model::Table extents;  // offset, length, kind, class_size, live, ..., start
  model::Table stacks;   // name, bytes (estimate with standard error), objects, share, stack
  model::Table owners;   // the same by name: ..., stacks (how many), help (the largest of them)
  std::vector<std::uint8_t> pageState;  // one a page: 0 unknown, 1 absent, 2 resident free, 3 resident in use
  std::vector<float> pageLive;          // one a page: live share of the extent's slots; NaN where it has none
};
absl::StatusOr<UnitDetail> unitDetail(const model::Query& query, std::uint64_t unitIndex);

}  // namespace heapprof::analysis
