// `sizes()`: how requests fit the size classes, who asks for sizes that do not, and classes that would fit
// better.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/class_fit.h"
#include "profiler/analysis/placed_samples.h"
#include "profiler/analysis/row_groups.h"
#include "profiler/analysis/unit_samples.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

struct Fit {
  double objects = 0, slots = 0, requested = 0, variance = 0;  // variance: of the slack
  double least = std::numeric_limits<double>::infinity(), most = 0;

  void add(const PlacedSample& sample) {
    const double slack = sample.allocated - sample.requested;
    objects += sample.weight();
    slots += sample.weight() * sample.allocated;
    requested += sample.weight() * sample.requested;
    variance += sample.varianceFactor() * slack * slack;
    least = std::min(least, sample.requested);
    most = std::max(most, sample.requested);
  }
  double slack() const { return slots - requested; }
};

using Samples = std::vector<PlacedSample>;

std::uint64_t binOf(const PlacedSample& sample) {
  const auto size = static_cast<std::uint64_t>(std::max(1.0, sample.requested));
  return (size + kSizeAlign - 1) / kSizeAlign * kSizeAlign;
}

// Samples whose number is `parity` modulo 2; all for 2.
std::vector<SizeBin> histogram(const Samples& samples, int parity) {
  std::map<std::uint64_t, double> objects;
  for (const PlacedSample& sample : samples) {
    if (parity == 2 || sample.row % 2 == parity) objects[binOf(sample)] += sample.weight();
  }
  std::vector<SizeBin> bins;
  for (const auto& [size, count] : objects) bins.push_back({size, count});
  return bins;
}

model::Table classesTable(const std::map<std::uint64_t, Fit>& classes) {
  Column size = numberColumn("class_size", "Class", Unit::kBytes, "slot size");
  Column objects = numberColumn("objects", "Objects", Unit::kCount, "live objects in it, by sampling");
  Column mean = numberColumn("mean", "Mean request", Unit::kBytes, "of what was asked for");
  Column least = numberColumn("least", "Least", Unit::kBytes, "smallest request sampled");
  Column most = numberColumn("most", "Most", Unit::kBytes, "largest request sampled");
  Column slots = numberColumn("slots", "Slots", Unit::kBytes, "that these objects take");
  Column slack = numberColumn("slack", "Slack", Unit::kBytes, "of these, lost by rounding up");
  Column fit = numberColumn("fit", "Fit", Unit::kFraction, "requested over slots");
  for (const auto& [bytes, of] : classes) {
    addKnown(size, static_cast<double>(bytes));
    addKnown(objects, std::round(of.objects));
    addKnown(mean, of.requested / of.objects);
    addKnown(least, of.least);
    addKnown(most, of.most);
    addKnown(slots, of.slots);
    addWithError(slack, of.slack(), std::sqrt(of.variance));
    addKnown(fit, of.requested / of.slots);
  }
  model::Table table;
  table.id = "size_classes";
  table.title = "Live objects by size class";
  table.columns = {std::move(size), std::move(objects), std::move(mean),  std::move(least),
                   std::move(most), std::move(slots),   std::move(slack), std::move(fit)};
  return table;
}

model::Table misfitsTable(const std::map<std::pair<std::uint32_t, std::uint64_t>, Fit>& fits,
                          const RowGroups& groups, const heapprof::SizeClasses& classes) {
  std::vector<std::pair<std::pair<std::uint32_t, std::uint64_t>, Fit>> sorted(fits.begin(), fits.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.slack() > b.second.slack(); });
  std::vector<std::uint64_t> sizes(classes.size().begin(), classes.size().end());
  std::sort(sizes.begin(), sizes.end());
  Column slack = numberColumn("slack", "Slack", Unit::kBytes, "lost by rounding up");
  Column least = numberColumn("least", "Asks for", Unit::kBytes, "smallest request sampled");
  Column most = numberColumn("most", "to", Unit::kBytes, "largest request sampled");
  Column gets = numberColumn("class_size", "Gets", Unit::kBytes, "slot size");
  Column over =
      numberColumn("over", "Over", Unit::kBytes,
                   "bytes by which the smallest request misses the class below: asking for so much less "
                   "saves the difference of the classes");
  Column below = numberColumn("below", "Below", Unit::kBytes, "the class below");
  Column objects = numberColumn("objects", "Objects", Unit::kCount, "live ones, by sampling");
  Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  Column stack = textColumn("stack", "Stack", "the whole stack, one frame a line, leaf first");
  for (const auto& [key, of] : sorted) {
    if (of.slack() <= 0) break;
    addWithError(slack, of.slack(), std::sqrt(of.variance));
    addKnown(least, of.least);
    addKnown(most, of.most);
    addKnown(gets, static_cast<double>(key.second));
    auto at = std::lower_bound(sizes.begin(), sizes.end(), key.second);
    if (at != sizes.begin() && at != sizes.end() && static_cast<double>(at[-1]) < of.least) {
      addKnown(over, of.least - static_cast<double>(at[-1]));
      addKnown(below, static_cast<double>(at[-1]));
    } else {
      addUnknown(over);
      addUnknown(below);
    }
    addKnown(objects, std::round(of.objects));
    owner.texts.push_back(groups.owner[key.first]);
    stack.texts.push_back(groups.stack[key.first]);
  }
  model::Table table;
  table.id = "misfits";
  table.title = "Who asks for sizes that fit badly";
  table.columns = {std::move(slack), std::move(least),   std::move(most),  std::move(gets), std::move(over),
                   std::move(below), std::move(objects), std::move(owner), std::move(stack)};
  return table;
}

// Fitted on one half of the samples and judged on the other, both ways: on its own sample any proposal looks
// good.
double heldOutSlots(const Samples& samples, std::size_t classes) {
  double slots = 0;
  for (int half : {0, 1})
    slots += slotBytes(histogram(samples, 1 - half), fitClasses(histogram(samples, half), classes));
  return slots;
}

}  // namespace

absl::StatusOr<SizesResult> sizes(const model::Query& query, std::size_t classCount, const Cancel& cancel) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  const model::Snapshot& snapshot = *query.snapshot;
  const heapprof::LiveSamples& live = snapshot.heap().samples();
  if (live.address_size() == 0 || live.requested_bytes_size() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        snapshot.path(), ": holds no live samples with their sizes (sampling was off, or it was not ",
        "written by libheapprof); record one with: heapprof run --sample 64k -- CMD"));
  }
  model::Query byBytes = query;
  byBytes.metric = "inuse_space";
  absl::StatusOr<RowGroups> groups = groupRows(byBytes, cancel);
  if (!groups.ok()) return groups.status();
  Samples samples;
  std::map<std::uint64_t, Fit> classes;
  std::map<std::pair<std::uint32_t, std::uint64_t>, Fit> fits;
  SizesResult result;
  for (const PlacedSample& sample : placeSamples(snapshot)) {
    const std::uint32_t group =
        sample.profileRow == kNoProfileRow ? kNoGroup : groups->groupOf[sample.profileRow];
    if (group == kNoGroup) continue;
    const auto slot = static_cast<std::uint64_t>(sample.allocated);
    fits[{group, slot}].add(sample);
    const bool slab = sample.extent != kNoExtent && isSlab(snapshot.heap().extents(), sample.extent);
    if (!slab) continue;
    classes[slot].add(sample);
    // What asked for an alignment needs its class for that.
    const bool aligned = sample.row < live.alignment_size() && live.alignment(sample.row) > kSizeAlign;
    if (!aligned) samples.push_back(sample);
  }
  for (const auto& [slot, of] : classes) {
    result.requested += of.requested;
    result.slotBytes += of.slots;
  }
  result.classes = classesTable(classes);
  result.misfits = misfitsTable(fits, *groups, snapshot.heap().size_classes());

  std::map<std::uint64_t, double> used;
  for (const PlacedSample& sample : samples)
    used[static_cast<std::uint64_t>(sample.allocated)] += sample.weight();
  for (const auto& [slot, objects] : used) result.used.push_back(slot);
  result.proposed = fitClasses(histogram(samples, 2), classCount == 0 ? used.size() : classCount);
  double now = 0, variance = 0;
  for (const PlacedSample& sample : samples) {
    now += sample.weight() * sample.allocated;
    const auto at = std::lower_bound(result.proposed.begin(), result.proposed.end(), binOf(sample));
    const double gain = sample.allocated - static_cast<double>(*at);
    result.saved += sample.weight() * gain;
    variance += sample.varianceFactor() * gain * gain;
  }
  result.savedError = std::sqrt(variance);
  result.savedHeldOut = now - heldOutSlots(samples, classCount == 0 ? used.size() : classCount);
  return result;
}

}  // namespace heapprof::analysis
