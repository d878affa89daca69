#include "profiler/analysis/merged_view.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_profile.h"
#include "profiler/analysis/label_reader.h"

namespace heapprof::analysis {
namespace {

using formats::ProfileColumns;

constexpr char kBaseLabel[] = "pprof::base";

std::int64_t wrapSum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::vector<std::int64_t> sumsOf(const ProfileColumns& profile) {
  const std::size_t types = profile.sampleTypes.size();
  std::vector<std::int64_t> sums(types, 0);
  for (std::size_t i = 0; i < profile.samples.values.size(); ++i) {
    sums[i % types] = wrapSum(sums[i % types], profile.samples.values[i]);
  }
  return sums;
}

// Each metric is scaled to the base's total of that metric; pprof drops samples whose scaled values all
// become 0, and the merge that follows does.
void normalize(const ProfileColumns& base, ProfileColumns* profile) {
  const std::vector<std::int64_t> wanted = sumsOf(base), have = sumsOf(*profile);
  const std::size_t types = have.size();
  for (std::size_t i = 0; i < profile->samples.values.size(); ++i) {
    const std::size_t type = i % types;
    const double ratio = have[type] == 0 || type >= wanted.size()
                             ? 0.0
                             : static_cast<double>(wanted[type]) / static_cast<double>(have[type]);
    std::int64_t& value = profile->samples.values[i];
    if (ratio != 1) value = std::llround(static_cast<double>(value) * ratio);
  }
}

void labelAsBase(ProfileColumns* profile) {
  const auto add = [profile](std::string text) {
    profile->strings.push_back(std::move(text));
    return static_cast<formats::StringIndex>(profile->strings.size() - 1);
  };
  const formats::StringIndex key = add(kBaseLabel), yes = add("true");
  formats::SampleColumns& samples = profile->samples;
  formats::LabelColumns labelled;
  std::vector<std::uint64_t> begin{0};
  for (std::size_t row = 0; row < samples.size(); ++row) {
    for (std::uint64_t i = samples.labelBegin[row]; i < samples.labelBegin[row + 1]; ++i) {
      if (profile->strings[samples.labels.key[i]] == kBaseLabel && samples.labels.str[i] != 0) continue;
      labelled.key.push_back(samples.labels.key[i]);
      labelled.str.push_back(samples.labels.str[i]);
      labelled.num.push_back(samples.labels.num[i]);
      labelled.unit.push_back(samples.labels.unit[i]);
    }
    labelled.key.push_back(key);
    labelled.str.push_back(yes);
    labelled.num.push_back(0);
    labelled.unit.push_back(0);
    begin.push_back(labelled.key.size());
  }
  samples.labels = std::move(labelled);
  samples.labelBegin = std::move(begin);
}

bool hasZeroSample(const ProfileColumns& profile) {
  const std::size_t types = profile.sampleTypes.size();
  for (std::size_t row = 0; row < profile.samples.size(); ++row) {
    const std::int64_t* values = profile.samples.values.data() + row * types;
    if (std::all_of(values, values + types, [](std::int64_t value) { return value == 0; })) return true;
  }
  return false;
}

// A merge keeps samples without values where the heap snapshot refers to them; in these reports they have no
// place. The header stays: it says whether there was sampling.
void forgetStacks(ProfileColumns* profile) {
  heapprof::HeapSnapshot kept;
  *kept.mutable_header() = profile->heapSnapshot.header();
  *kept.mutable_string_table() = profile->heapSnapshot.string_table();
  profile->heapSnapshot = std::move(kept);
}

absl::StatusOr<ProfileColumns> mergedColumns(const model::Query& query) {
  const bool subtracts = query.baseline != nullptr && query.baselineMode != model::BaselineMode::kNone;
  absl::StatusOr<ProfileColumns> merged = formats::mergeProfiles({{&query.snapshot->columns(), 1}});
  if (!merged.ok()) return merged;
  if (merged->hasHeapSnapshot) forgetStacks(&*merged);
  if (!subtracts) return hasZeroSample(*merged) ? formats::mergeProfiles({{&*merged, 1}}) : std::move(merged);
  absl::StatusOr<ProfileColumns> base = formats::mergeProfiles({{&query.baseline->columns(), 1}});
  if (!base.ok()) return base;
  if (query.baselineMode == model::BaselineMode::kDiffBase) labelAsBase(&*base);
  if (query.normalize) normalize(*base, &*merged);
  return formats::mergeProfiles({{&*merged, 1}, {&*base, -1}});
}

std::int64_t totalOf(const model::Snapshot& snapshot, std::size_t type) {
  const std::size_t types = snapshot.columns().sampleTypes.size();
  std::int64_t all = 0, base = 0;
  for (std::size_t row = 0; row < snapshot.columns().samples.size(); ++row) {
    const std::int64_t value = snapshot.columns().samples.values[row * types + type];
    const std::int64_t size =
        value < 0 ? static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(value)) : value;
    all = wrapSum(all, size);
    bool ofBase = false;
    forEachLabel(snapshot, row, [&ofBase](const Label& label) {
      ofBase = ofBase || (label.isText && label.key == kBaseLabel && label.text == "true");
    });
    if (ofBase) base = wrapSum(base, size);
  }
  return base > 0 ? base : all;
}

}  // namespace

absl::StatusOr<MergedView> mergedView(const model::Query& query, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  absl::StatusOr<ProfileColumns> columns = mergedColumns(query);
  if (!columns.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(query.snapshot->path(), ": ", columns.status().message()));
  }
  MergedView merged;
  merged.query = query;
  merged.query.snapshot = std::make_shared<const model::Snapshot>(*std::move(columns), query.snapshot->path(),
                                                                  query.snapshot->symbolNotes());
  merged.query.baseline = nullptr;
  merged.query.baselineMode = model::BaselineMode::kNone;
  merged.query.normalize = false;
  absl::StatusOr<std::unique_ptr<StackView>> view =
      StackView::make(merged.query, StackView::Mode::kEverySample, cancel);
  if (!view.ok()) return view.status();
  merged.view = *std::move(view);
  merged.total = totalOf(*merged.query.snapshot, merged.view->metricIndex(0));
  return merged;
}

SamplesResult samplesResult(const MergedView& merged, model::Table table) {
  table.notes = merged.view->notes();
  return {std::move(table), merged.query, static_cast<double>(merged.total), merged.view->unit(),
          merged.view->metric()};
}

}  // namespace heapprof::analysis
