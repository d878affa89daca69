#include "profiler/analysis/frag_shares.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/row_groups.h"

namespace heapprof::analysis {
namespace {

constexpr double kAgreesWithin = 3;  // standard errors between what samples say of a class and its count

// What one sample stands for, a figure a metric; q below is its variance factor.
struct Figures {
  double holds, slack, slab, page;
};

// Sums of weight x figure and, for variances, of q x products.
struct Sums {
  double samples = 0, objects = 0, misses = 0;
  double holds = 0, slack = 0, slab = 0, page = 0;
  double qHolds = 0, qSlack = 0, qSlab = 0, qPage = 0;  // squares
  double qSlackHolds = 0, qPageHolds = 0;

  void add(const PlacedSample& sample, const Figures& of) {
    const double w = sample.weight(), q = sample.varianceFactor();
    samples += 1;
    objects += w;
    misses += 1 - sample.chance;
    holds += w * of.holds;
    slack += w * of.slack;
    slab += w * of.slab;
    page += w * of.page;
    qHolds += q * of.holds * of.holds;
    qSlack += q * of.slack * of.slack;
    qSlab += q * of.slab * of.slab;
    qPage += q * of.page * of.page;
    qSlackHolds += q * of.slack * of.holds;
    qPageHolds += q * of.page * of.holds;
  }
};

// A size class, or all large objects (size 0).
struct ClassRow {
  double liveBytes = 0, freeBytes = 0;  // counted
  Sums all;
  bool agrees = false;
  double scale = 1, slabScale = 1;
};

using Cell = std::pair<std::uint32_t, std::uint64_t>;  // (group, class)

struct Pairs {
  double same = 0, all = 0;  // ordered, the first of this stack
};

struct CellSums {
  Sums own;
  Pairs inSlab, inUnit;
  double share = 0, shareFloor = 0;  // of the class's bytes; the same with an unseen object of another stack
  double together = 0, togetherFloor = 0;  // chance that a slab's second object is of its first one's stack
};

// The chance that the L-1 others of a slab are of the stack too, given that one is: beta-binomial with mean
// `share` and P(second | first) = `together`; independent draws where samples are not seen to cluster.
double chanceAlone(double others, double share, double together) {
  if (others <= 0 || share >= 1) return 1;
  if (share <= 0) return 0;
  if (together <= share + 1e-9) return std::pow(share, others);
  if (together >= 1) return 1;
  const double n = (1 - together) / (together - share);
  const double alpha = share * n, total = n;
  return std::exp(std::lgamma(alpha + 1 + others) - std::lgamma(alpha + 1) + std::lgamma(total + 1) -
                  std::lgamma(total + 1 + others));
}

class Sharer {
 public:
  Sharer(const model::Snapshot& snapshot, const std::vector<PlacedSample>& samples,
         const std::vector<std::uint32_t>& groupOf, const UnitRooms& units)
      : extents_(snapshot.heap().extents()), samples_(samples), groupOf_(groupOf), units_(units) {}

  FragShares run(std::size_t groups) {
    FragShares out;
    out.byGroup.resize(groups);
    countClasses();
    sumSamples();
    scaleClasses();
    countPairs();
    findUnitHolders(&out);
    for (auto& [cell, sums] : cells_) {
      if (cell.first != kNoGroup) out.byGroup[cell.first] = withCell(out.byGroup[cell.first], cell, sums);
    }
    addComesBack(&out);
    addUnshared(&out);
    return out;
  }

 private:
  std::uint64_t classOf(const PlacedSample& sample) const {
    return sample.extent != kNoExtent && isSlab(extents_, sample.extent)
               ? static_cast<std::uint64_t>(sample.allocated)
               : 0;
  }

  void countClasses() {
    for (int row = 0; row < extents_.start_delta_size(); ++row) {
      const ExtentRoom room = roomOf(extents_, row);
      const auto kind = row < extents_.kind_size() ? extents_.kind(row) : 0;
      if (!isSlab(extents_, row) && kind != heapprof::LARGE) continue;
      ClassRow& of = classes_[isSlab(extents_, row) ? extents_.class_size(row) : 0];
      of.liveBytes += room.objects * static_cast<double>(extents_.class_size(row));
      if (room.objects > 0) of.freeBytes += room.free;  // an empty slab is pinned by nobody
    }
  }

  Figures figuresOf(const PlacedSample& sample) const {
    Figures out{sample.allocated, sample.allocated - sample.requested, 0, 0};
    if (sample.extent == kNoExtent) return out;
    const ExtentRoom room = roomOf(extents_, sample.extent);
    // Counted while threads run: an object may be sampled in a slab whose count has missed it.
    if (room.objects > 0) out.slab = room.free / room.objects;
    const std::size_t unit = units_.find(sample.address);
    if (unit < units_.rows().size() && units_.rows()[unit].live > 0) {
      const UnitRoom& row = units_.rows()[unit];
      const double within = std::min(sample.allocated, static_cast<double>(units_.unitBytes()));
      out.page = row.dirty * std::min(1.0, within / row.live);
    }
    return out;
  }

  void sumSamples() {
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const Figures figures = figuresOf(samples_[i]);
      classes_[classOf(samples_[i])].all.add(samples_[i], figures);
      cells_[{groupOf_[i], classOf(samples_[i])}].own.add(samples_[i], figures);
    }
  }

  void scaleClasses() {
    for (auto& [size, row] : classes_) {
      const double error = std::sqrt(row.all.qHolds);
      row.agrees = row.all.holds > 0 && std::fabs(row.all.holds - row.liveBytes) <= kAgreesWithin * error + 1;
      if (!row.agrees) continue;
      row.scale = row.liveBytes / row.all.holds;
      if (row.all.slab > 0) row.slabScale = row.freeBytes / row.all.slab;
    }
    for (auto& [cell, sums] : cells_) {
      const ClassRow& of = classes_[cell.second];
      sums.share = of.all.holds > 0 ? sums.own.holds / of.all.holds : 1;
      // What n samples cannot exclude, by as much as sampling missed.
      const double missed = of.all.misses / std::max(of.all.samples, 1.0);
      sums.shareFloor = sums.share * (1 - missed / (of.all.samples + 2));
    }
  }

  // How often a second sample is of the first one's stack: in one slab, and, where few pairs are in one slab,
  // in slabs of the class in one huge page, which mix no less.
  void countPairs() {
    using Place = std::pair<std::uint64_t, std::uint64_t>;
    absl::flat_hash_map<std::pair<Place, std::uint64_t>, std::map<std::uint32_t, double>> slabs, units;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const PlacedSample& sample = samples_[i];
      if (sample.extent == kNoExtent) continue;
      const auto extent = static_cast<std::uint64_t>(sample.extent);
      const std::uint64_t size = classOf(sample);
      slabs[{{extent, sample.slab}, size}][groupOf_[i]] += 1;
      units[{{units_.find(sample.address), 0}, size}][groupOf_[i]] += 1;
    }
    auto count = [this](const auto& places, Pairs CellSums::*pairs) {
      for (const auto& [place, counts] : places) {
        double all = 0;
        for (const auto& [group, n] : counts) all += n;
        for (const auto& [group, n] : counts) {
          Pairs& of = cells_[{group, place.second}].*pairs;
          of.same += n * (n - 1);
          of.all += n * (all - 1);
        }
      }
    };
    count(slabs, &CellSums::inSlab);
    count(units, &CellSums::inUnit);
    for (auto& [cell, sums] : cells_) {
      constexpr double kTrust = 20;  // ordered pairs that the wider view weighs
      const double near = (sums.inUnit.same + sums.share) / (sums.inUnit.all + 1);
      const double pairs = sums.inSlab.all + kTrust;
      sums.together = (sums.inSlab.same + kTrust * near) / pairs;
      const double doubt = std::sqrt(sums.together * (1 - sums.together) / (pairs / 2));
      // Where no other stack was seen, one that was missed may sit anywhere.
      sums.togetherFloor =
          sums.share >= 1 ? sums.shareFloor : std::max(sums.shareFloor, sums.together - doubt);
    }
  }

  // Of `figure`, a part of what `base` sums up to over the class.
  static double ratioVariance(double own, double cross, double base, double ratio) {
    return std::max(0.0, own - 2 * ratio * cross + ratio * ratio * base);
  }

  FragShare withCell(FragShare share, const Cell& cell, const CellSums& sums) const {
    const ClassRow& of = classes_.at(cell.second);
    const Sums& own = sums.own;
    const double k = of.scale, z = of.slabScale;
    const double shrunk = (own.samples + 1) / (of.all.samples + 2);
    const double floor = of.all.misses / of.all.samples * shrunk * (1 - shrunk) / (of.all.samples + 3);
    auto estimate = [&](double value, double scale, double q, double qRatio, double floorOf) {
      const double variance = of.agrees ? std::max(qRatio, floorOf * floorOf * floor / (scale * scale)) : q;
      return Estimate{scale * value, scale * scale * variance};
    };
    const double ofAll = of.all.holds > 0 ? own.holds / of.all.holds : 0;
    const double ofSlab = of.all.slab > 0 ? own.slab / of.all.slab : 0;
    auto inHolds = [&](double value, double q, double cross) {
      const double ratio = of.all.holds > 0 ? value / of.all.holds : 0;
      return ratioVariance(q, cross, of.all.qHolds, ratio);
    };
    const Estimate holds = estimate(
        own.holds, k, own.qHolds, ratioVariance(own.qHolds, own.qHolds, of.all.qHolds, ofAll), of.liveBytes);
    const Estimate slab = estimate(own.slab, z, own.qSlab,
                                   ratioVariance(own.qSlab, own.qSlab, of.all.qSlab, ofSlab), of.freeBytes);
    const Estimate slack =
        estimate(own.slack, k, own.qSlack, inHolds(own.slack, own.qSlack, own.qSlackHolds), k * own.slack);
    const Estimate page =
        estimate(own.page, k, own.qPage, inHolds(own.page, own.qPage, own.qPageHolds), k * own.page);
    // Slab and page shares rise and fall with the same samples: their errors add.
    const double pinsError = std::sqrt(slab.variance) + std::sqrt(page.variance);
    share.holds.add(holds);
    share.slack.add(slack);
    share.slab.add(slab);
    share.page.add(page);
    share.pins.add({slab.value + page.value, pinsError * pinsError});
    share.objects += k * own.objects;
    return share;
  }

  void findUnitHolders(FragShares* out) {
    std::vector<absl::flat_hash_map<std::uint32_t, double>> holders(units_.rows().size());
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const std::size_t unit = units_.find(samples_[i].address);
      if (unit < holders.size()) holders[unit][groupOf_[i]] += samples_[i].weight() * samples_[i].allocated;
    }
    out->groupBytesInUnit.assign(holders.size(), 0);
    out->mainGroupOfUnit.assign(holders.size(), kNoGroup);
    unitIsOnes_.assign(holders.size(), 0);
    for (std::size_t unit = 0; unit < holders.size(); ++unit) {
      unitIsOnes_[unit] = holders[unit].size() == 1;
      for (const auto& [group, bytes] : holders[unit]) {
        const double most = out->groupBytesInUnit[unit];
        if (group == kNoGroup || bytes < most || (bytes == most && group > out->mainGroupOfUnit[unit]))
          continue;
        out->groupBytesInUnit[unit] = bytes;
        out->mainGroupOfUnit[unit] = group;
      }
    }
  }

  // Its own bytes and the slabs around them, where it is alone there; free pages where the huge page is its.
  void addComesBack(FragShares* out) const {
    std::vector<double> low(out->byGroup.size(), 0);
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const PlacedSample& sample = samples_[i];
      if (groupOf_[i] == kNoGroup) continue;
      const ClassRow& of = classes_.at(classOf(sample));
      const CellSums& sums = cells_.at({groupOf_[i], classOf(sample)});
      const Figures figures = figuresOf(sample);
      double others = 0;
      if (sample.extent != kNoExtent && isSlab(extents_, sample.extent))
        others = roomOf(extents_, sample.extent).objects / sample.slabs - 1;
      const std::size_t unit = units_.find(sample.address);
      const double page = unit < unitIsOnes_.size() && unitIsOnes_[unit] != 0 ? of.scale * figures.page : 0;
      const double gives = sample.weight() * (of.scale * figures.holds + of.slabScale * figures.slab + page);
      out->byGroup[groupOf_[i]].comesBack.value += gives * chanceAlone(others, sums.share, sums.together);
      low[groupOf_[i]] += gives * chanceAlone(others, sums.shareFloor, sums.togetherFloor);
    }
    for (std::size_t group = 0; group < low.size(); ++group) {
      FragShare& share = out->byGroup[group];
      const double whole = share.holds.value + share.pins.value;
      if (whole <= 0) continue;
      const double alone = share.comesBack.value / whole;
      const double error = alone * (std::sqrt(share.holds.variance) + std::sqrt(share.pins.variance));
      const double doubt = share.comesBack.value - low[group];
      share.comesBack.variance = error * error + doubt * doubt;
    }
  }

  void addUnshared(FragShares* out) const {
    double slab = 0, page = 0, live = 0;
    for (const auto& [size, row] : classes_) {
      slab += row.freeBytes;
      live += row.liveBytes;
    }
    for (const UnitRoom& unit : units_.rows()) page += unit.live > 0 ? unit.dirty : 0;
    Estimate& holds = out->unshared.holds;
    holds.value = live;
    out->unshared.slab.value = slab;
    out->unshared.page.value = page;
    for (const FragShare& share : out->byGroup) {
      holds.value -= share.holds.value;
      out->unshared.slab.value -= share.slab.value;
      out->unshared.page.value -= share.page.value;
    }
    out->unshared.pins.value = out->unshared.slab.value + out->unshared.page.value;
  }

  const heapprof::Extents& extents_;
  const std::vector<PlacedSample>& samples_;
  const std::vector<std::uint32_t>& groupOf_;
  const UnitRooms& units_;
  std::map<std::uint64_t, ClassRow> classes_;
  std::map<Cell, CellSums> cells_;  // ordered: sums come out alike in every run
  std::vector<std::uint8_t> unitIsOnes_;
};

}  // namespace

FragShares shareOut(const model::Snapshot& snapshot, const std::vector<PlacedSample>& samples,
                    const std::vector<std::uint32_t>& groupOfSample, std::size_t groups,
                    const UnitRooms& units) {
  return Sharer(snapshot, samples, groupOfSample, units).run(groups);
}

}  // namespace heapprof::analysis
