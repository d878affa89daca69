// The stacks of a query, as pprof would see them: dumps joined, filters applied, the base subtracted. Every
// stack analysis walks this; none reads samples by itself.
//
// Invariant: built once, immutable, holds its snapshots. Values are exact integers (pprof's own arithmetic).
// kSubtract gives the base's values negated and equal stacks of both sides as one, as -base does; with
// -diff_base they stay apart; kSideBySide gives both sides as they are; kEverySample gives samples of value
// 0, too (other metrics of theirs have values).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/filters.h"
#include "profiler/analysis/frame_plan.h"
#include "profiler/analysis/location_union.h"
#include "profiler/model/query.h"

namespace heapprof::analysis {

struct StackSample {
  std::size_t side = 0;  // 0: snapshot, 1: baseline
  std::size_t row = 0;   // sample row there
  std::int64_t value = 0;
  double variance = 0;                    // NaN: unknown
  absl::Span<const std::uint32_t> stack;  // rows of locations(), leaf first, after filters
};

class LabelReader;

class StackView {
 public:
  enum class Mode { kSubtract, kSideBySide, kEverySample };

  static absl::StatusOr<std::unique_ptr<StackView>> make(const model::Query& query, Mode mode,
                                                         const Cancel& cancel);
  ~StackView();

  // Calls visit(const StackSample&) for each sample that passes the filters and, but with kEverySample, whose
  // value is not 0.
  template <typename Visit>
  absl::Status forEach(Visit&& visit) const {
    std::vector<std::uint32_t> stack;
    StackSample sample;
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) {
      if (i % kCancelStride == 0 && cancelled()) return absl::CancelledError("cancelled");
      if (!load(i, &sample, &stack)) continue;
      sample.stack = stack;
      visit(static_cast<const StackSample&>(sample));
    }
    return absl::OkStatus();
  }

  // The same for sums of values alone: visit(value, stack), with the samples of a row of stacks added up.
  // Where nothing can cancel (kSubtract without a baseline and without negative values) a tenth of
  // forEach()'s time.
  template <typename Visit>
  absl::Status forEachStack(Visit&& visit) const {
    if (!summed_) return forEach([&visit](const StackSample& sample) { visit(sample.value, sample.stack); });
    std::vector<std::uint32_t> stack;
    for (std::size_t row = 0; row < stackSums_.size(); ++row) {
      if (row % kCancelStride == 0 && cancelled()) return absl::CancelledError("cancelled");
      if (!stackSums_[row].met || !loadStack(static_cast<formats::Row>(row), &stack)) continue;
      visit(stackSums_[row].value, absl::MakeConstSpan(stack));
    }
    return absl::OkStatus();
  }

  // False: no sample's variance is known.
  bool hasVariances() const;

  // pprof's total: of absolute values before filters; of the base alone with -diff_base.
  std::int64_t total() const { return total_; }
  std::string unit() const { return unit_; }
  std::string metric() const { return metric_; }  // the sample type's name
  std::size_t metricIndex(std::size_t side) const { return type_[side]; }
  // What a side's values were multiplied by: normalizing scales the snapshot.
  double scaleOf(std::size_t side) const { return side == 0 ? scale_ : 1; }
  bool hasBaseline() const { return query_.baseline != nullptr; }
  const model::Snapshot& snapshot(std::size_t side) const {
    return side == 0 ? *query_.snapshot : *query_.baseline;
  }

  const LocationUnion& locations() const { return union_; }
  LocationUnion& locations() { return union_; }
  const FramePlan& plan() const { return *plan_; }
  LabelReader& labels() { return *labels_; }
  std::vector<std::string> notes() const;  // of the filters, and of a dump that could hold no stacks

 private:
  static constexpr std::size_t kCancelStride = 1 << 16;

  // A sample made of equal ones. Only where samples have to be joined: with a base, or with negative values.
  struct Entry {
    std::size_t side, row;
    std::int64_t value;
    double variance;
  };
  struct EntryJoiner;
  // Of the samples of a row of stacks that pass the tag filters.
  struct StackSum {
    std::int64_t value = 0;
    bool met = false;  // by one of them; a sum may be 0, modulo 2^64
  };

  StackView(const model::Query& query, Mode mode, const Cancel& cancel);
  absl::Status choosePerSide();
  absl::Status build();
  void joinEntries();
  void sumStacks();
  void computeTotal();
  double normalizeRatio() const;
  bool cancelled() const { return cancel_ && cancel_(); }
  std::size_t size() const;
  bool load(std::size_t index, StackSample* sample, std::vector<std::uint32_t>* stack) const;
  bool loadStack(formats::Row row, std::vector<std::uint32_t>* stack) const;
  absl::Span<const formats::Row> locationsOf(std::size_t side, std::size_t row) const {
    return snapshot(side).columns().samples.locationsOf(row);
  }
  std::int64_t rawValue(std::size_t side, std::size_t row) const;
  double rawVariance(std::size_t side, std::size_t row) const;
  void unionStack(std::size_t side, absl::Span<const formats::Row> locations,
                  std::vector<std::uint32_t>* stack) const;

  model::Query query_;
  Mode mode_;
  Cancel cancel_;
  CompiledFilters filters_;
  std::size_t type_[2] = {0, 0};
  std::string unit_, metric_;
  LocationUnion union_;
  std::unique_ptr<FramePlan> plan_;
  std::unique_ptr<LabelReader> labels_;
  bool joined_ = false;
  std::vector<Entry> entries_;
  bool summed_ = false;
  std::vector<StackSum> stackSums_;
  double scale_ = 1;
  std::int64_t total_ = 0;
};

}  // namespace heapprof::analysis
