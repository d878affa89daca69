#include "profiler/analysis/stack_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "profiler/analysis/label_reader.h"

namespace heapprof::analysis {

// Sums as pprof's int64 do: modulo 2^64, without undefined behaviour on hostile values.
std::int64_t wrapAdd(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrapNegate(std::int64_t a) {
  return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
}

// Equal samples (same locations, same labels) become one entry; what is equal is checked, not only hashed.
struct StackView::EntryJoiner {
  const StackView& view;
  std::vector<Entry>& entries;
  bool sidesApart;
  absl::flat_hash_map<std::uint64_t, std::vector<std::size_t>> byHash{};
  std::vector<std::uint32_t> left{}, right{};

  void add(std::size_t side, std::size_t row, std::int64_t value, double variance) {
    view.unionStack(side, view.locationsOf(side, row), &left);
    std::string labels = view.labels_->identity(side, row);
    std::vector<std::size_t>& bucket = byHash[absl::HashOf(left, labels, sidesApart ? side : 0)];
    for (std::size_t candidate : bucket) {
      Entry& entry = entries[candidate];
      if (sidesApart && entry.side != side) continue;
      view.unionStack(entry.side, view.locationsOf(entry.side, entry.row), &right);
      if (left != right || view.labels_->identity(entry.side, entry.row) != labels) continue;
      entry.value = wrapAdd(entry.value, value);
      entry.variance += variance;
      return;
    }
    bucket.push_back(entries.size());
    entries.push_back({side, row, value, variance});
  }
};

StackView::StackView(const model::Query& query, Mode mode, const Cancel& cancel)
    : query_(query), mode_(mode), cancel_(cancel) {}
StackView::~StackView() = default;

absl::StatusOr<std::unique_ptr<StackView>> StackView::make(const model::Query& query, Mode mode,
                                                           const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  std::unique_ptr<StackView> view(new StackView(query, mode, cancel));
  if (query.baselineMode == model::BaselineMode::kNone) view->query_.baseline = nullptr;
  absl::Status status = view->choosePerSide();
  if (status.ok()) status = view->build();
  if (!status.ok()) return status;
  return view;
}

absl::Status StackView::choosePerSide() {
  const std::size_t sides = hasBaseline() ? 2 : 1;
  for (std::size_t side = 0; side < sides; ++side) {
    const model::Snapshot& dump = snapshot(side);
    // The metric of the snapshot is meant in the baseline, whatever that one's default is.
    absl::optional<std::size_t> type = dump.sampleType(side == 0 ? query_.metric : metric_);
    if (dump.columns().sampleTypes.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          dump.path(), ": holds no sample types, so no figures; it was cut short or is no heap profile: ",
          "take the dump again"));
    }
    if (!type) {
      return absl::InvalidArgumentError(
          absl::StrCat(dump.path(), ": holds no ", side == 0 ? query_.metric : metric_, "; it has ",
                       absl::StrJoin(dump.sampleTypeNames(), ", "), " (-sample_index)"));
    }
    type_[side] = *type;
    if (side == 0) {
      metric_ = std::string(dump.text(dump.columns().sampleTypes[*type].type));
      unit_ = std::string(dump.sampleTypeUnit(*type));
    } else if (dump.sampleTypeUnit(*type) != unit_) {
      return absl::InvalidArgumentError(absl::StrCat(dump.path(), ": ", metric_, " is in ",
                                                     dump.sampleTypeUnit(*type), ", but in ", unit_, " in ",
                                                     snapshot(0).path()));
    }
  }
  return absl::OkStatus();
}

absl::Status StackView::build() {
  absl::StatusOr<CompiledFilters> compiled = compile(query_.filters);
  if (!compiled.ok()) return compiled.status();
  filters_ = *std::move(compiled);
  union_.add(snapshot(0), 0);
  if (hasBaseline()) union_.add(snapshot(1), 1);
  if (cancelled()) return absl::CancelledError("cancelled");
  const formats::ProfileColumns& columns = snapshot(0).columns();
  plan_ = std::make_unique<FramePlan>(union_, snapshot(0).text(columns.dropFrames),
                                      snapshot(0).text(columns.keepFrames), filters_);
  labels_ = std::make_unique<LabelReader>(snapshot(0), query_.baseline.get(), filters_);
  if (query_.normalize && hasBaseline()) scale_ = normalizeRatio();
  if (mode_ == Mode::kSubtract) {
    joinEntries();
    if (!joined_) sumStacks();
  }
  if (cancelled()) return absl::CancelledError("cancelled");
  computeTotal();
  return absl::OkStatus();
}

double StackView::normalizeRatio() const {
  std::int64_t sum[2] = {0, 0};
  for (std::size_t side = 0; side < 2; ++side) {
    for (std::size_t row = 0; row < snapshot(side).columns().samples.size(); ++row) {
      sum[side] = wrapAdd(sum[side], rawValue(side, row));
    }
  }
  return sum[0] == 0 ? 0.0 : static_cast<double>(sum[1]) / static_cast<double>(sum[0]);
}

void StackView::joinEntries() {
  const std::size_t rows = snapshot(0).columns().samples.size();
  bool negative = false;
  for (std::size_t row = 0; row < rows && !negative; ++row) negative = rawValue(0, row) < 0;
  if (!hasBaseline() && !negative) return;  // nothing can cancel: joining would change no sum
  joined_ = true;
  EntryJoiner joiner{*this, entries_, hasBaseline() && query_.baselineMode == model::BaselineMode::kDiffBase};
  for (std::size_t row = 0; row < rows; ++row) {
    if (rawValue(0, row) != 0) joiner.add(0, row, rawValue(0, row), rawVariance(0, row));
  }
  if (scale_ != 1) {
    for (Entry& entry : entries_) {
      entry.value = std::llround(static_cast<double>(entry.value) * scale_);
      entry.variance *= scale_ * scale_;
    }
  }
  if (!hasBaseline()) return;
  for (std::size_t row = 0; row < snapshot(1).columns().samples.size(); ++row) {
    if (rawValue(1, row) != 0) joiner.add(1, row, wrapNegate(rawValue(1, row)), rawVariance(1, row));
  }
}

void StackView::sumStacks() {
  const formats::SampleColumns& samples = snapshot(0).columns().samples;
  summed_ = true;
  stackSums_.resize(samples.stacks.size());
  for (std::size_t row = 0; row < samples.size(); ++row) {
    const std::int64_t value = rawValue(0, row);
    if (value == 0 || (filters_.hasTags() && !labels_->passes(0, row))) continue;
    StackSum& sum = stackSums_[samples.stack[row]];
    sum.value = wrapAdd(sum.value, value);
    sum.met = true;
  }
}

void StackView::computeTotal() {
  std::int64_t all = 0, base = 0;
  auto add = [&](std::size_t side, std::int64_t value) {
    value = value < 0 ? wrapNegate(value) : value;
    all = wrapAdd(all, value);
    if (side == 1 && query_.baselineMode == model::BaselineMode::kDiffBase) base = wrapAdd(base, value);
  };
  if (joined_) {
    for (const Entry& entry : entries_) add(entry.side, entry.value);
  } else {
    for (std::size_t side = 0; side < (hasBaseline() ? 2u : 1u); ++side) {
      for (std::size_t row = 0; row < snapshot(side).columns().samples.size(); ++row)
        add(side, rawValue(side, row));
    }
  }
  total_ = base > 0 ? base : all;
}

std::size_t StackView::size() const {
  if (joined_) return entries_.size();
  return snapshot(0).columns().samples.size() + (hasBaseline() ? snapshot(1).columns().samples.size() : 0);
}

bool StackView::load(std::size_t index, StackSample* sample, std::vector<std::uint32_t>* stack) const {
  if (joined_) {
    const Entry& entry = entries_[index];
    *sample = {entry.side, entry.row, entry.value, entry.variance, {}};
  } else {
    const std::size_t rows = snapshot(0).columns().samples.size();
    sample->side = index < rows ? 0 : 1;
    sample->row = index < rows ? index : index - rows;
    sample->value = rawValue(sample->side, sample->row);
    sample->variance = rawVariance(sample->side, sample->row);
    if (scale_ != 1 && sample->side == 0) {
      sample->value = std::llround(static_cast<double>(sample->value) * scale_);
      sample->variance *= scale_ * scale_;
    }
  }
  if (sample->value == 0 && mode_ != Mode::kEverySample) return false;
  unionStack(sample->side, locationsOf(sample->side, sample->row), stack);
  return plan_->apply(stack) && (!filters_.hasTags() || labels_->passes(sample->side, sample->row));
}

std::int64_t StackView::rawValue(std::size_t side, std::size_t row) const {
  const formats::ProfileColumns& columns = snapshot(side).columns();
  return columns.samples.values[row * columns.sampleTypes.size() + type_[side]];
}

double StackView::rawVariance(std::size_t side, std::size_t row) const {
  return snapshot(side).variance(row, type_[side]).value_or(std::numeric_limits<double>::quiet_NaN());
}

void StackView::unionStack(std::size_t side, absl::Span<const formats::Row> locations,
                           std::vector<std::uint32_t>* stack) const {
  stack->resize(locations.size());
  for (std::size_t i = 0; i < locations.size(); ++i) {
    (*stack)[i] = union_.locationOf(side, locations[i]);
  }
}

bool StackView::loadStack(formats::Row row, std::vector<std::uint32_t>* stack) const {
  unionStack(0, snapshot(0).columns().samples.stacks[row], stack);
  return plan_->apply(stack);
}

bool StackView::hasVariances() const {
  const auto has = [this](std::size_t side) {
    return snapshot(side).heap().stacks().sample_index_size() != 0;
  };
  return has(0) || (hasBaseline() && has(1));
}

std::vector<std::string> StackView::notes() const {
  std::vector<std::string> notes = plan_->notes();
  for (std::size_t side = 0; side < (hasBaseline() ? 2 : 1); ++side) {
    const model::Snapshot& dump = snapshot(side);
    if (dump.isUnsampled()) {
      notes.push_back(absl::StrCat(dump.path(), ": sampling was off: its stacks are unknown, not 0"));
    }
  }
  return notes;
}

}  // namespace heapprof::analysis
