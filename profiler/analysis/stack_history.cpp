#include "profiler/analysis/stack_history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/placed_samples.h"
#include "profiler/analysis/row_groups.h"
#include "profiler/analysis/unit_samples.h"

namespace heapprof::analysis {
namespace {

constexpr double kNanos = 1e-9;

template <typename Column>
double cell(const Column& column, std::size_t row) {
  return row < static_cast<std::size_t>(column.size())
             ? static_cast<double>(column.Get(static_cast<int>(row)))
             : 0;
}

std::uint64_t timeOf(const model::Snapshot& snapshot) {
  const std::uint64_t dumped = snapshot.heap().header().dump_time_nanos();
  if (dumped != 0) return dumped;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(snapshot.columns().timeNanos, 0));
}

}  // namespace

bool Histories::oneProcess() const {
  for (const DumpMoment& dump : dumps_) {
    if (dump.pid != dumps_.front().pid || dump.start != dumps_.front().start) return false;
  }
  return true;
}

std::vector<std::size_t> Histories::rowsOf(const RowGroups& groups) {
  std::vector<std::size_t> stackOf(groups.size());
  for (std::size_t group = 0; group < groups.size(); ++group) {
    auto [at, added] = rowOf_.try_emplace(groups.stack[group], stacks_.size());
    stackOf[group] = at->second;
    if (added) {
      StackHistory stack;
      stack.owner = groups.owner[group];
      stack.stack = groups.stack[group];
      stack.place = groups.place[group];
      stack.modules = groups.modules[group];
      stacks_.push_back(std::move(stack));
    }
    stacks_[at->second].points.resize(dumps_.size());
  }
  return stackOf;
}

absl::Status Histories::add(const model::Query& query, const Cancel& cancel) {
  const model::Snapshot& snapshot = *query.snapshot;
  const absl::optional<std::size_t> space = snapshot.sampleType("inuse_space");
  if (!space || snapshot.sampleTypeUnit(*space) != "bytes") {
    return absl::InvalidArgumentError(
        absl::StrCat(snapshot.path(), ": holds no inuse_space, so nothing about what lives"));
  }
  model::Query byBytes = query;
  byBytes.metric = "inuse_space";
  absl::StatusOr<RowGroups> groups = groupRows(byBytes, cancel);
  if (!groups.ok()) return groups.status();
  const heapprof::Header& header = snapshot.heap().header();
  DumpMoment moment;
  moment.path = snapshot.path();
  moment.nanos = timeOf(snapshot);
  moment.pid = header.pid();
  moment.start = header.start_time_nanos();
  moment.unsampled = snapshot.isUnsampled();
  moment.uptime = static_cast<double>(snapshot.columns().durationNanos) * kNanos;
  dumps_.push_back(moment);

  const std::vector<std::size_t> stackOf = rowsOf(*groups);
  const heapprof::Stacks& sites = snapshot.heap().stacks();
  const std::size_t types = snapshot.columns().sampleTypes.size();
  for (std::size_t row = 0; row < groups->groupOf.size(); ++row) {
    if (groups->groupOf[row] == kNoGroup) continue;
    StackPoint& point = stacks_[stackOf[groups->groupOf[row]]].points.back();
    point.bytes += static_cast<double>(snapshot.columns().samples.values[row * types + *space]);
    point.variance += snapshot.variance(row, *space).value_or(std::numeric_limits<double>::quiet_NaN());
    const absl::optional<std::size_t> site = snapshot.stackRow(row);
    if (!site) continue;
    const double born = cell(sites.raw_allocations(), *site), died = cell(sites.raw_frees(), *site);
    const double bornVariance = cell(sites.variance_alloc_bytes(), *site);
    point.bornVariance += bornVariance;
    if (born > 0) point.diedVariance += bornVariance * died / born;
    point.samples += cell(sites.raw_live(), *site);
  }
  if (moment.nanos >= latest_) {
    latest_ = moment.nanos;
    addAges(snapshot, *groups, stackOf);
  }
  return absl::OkStatus();
}

// Replaces what an earlier dump said.
void Histories::addAges(const model::Snapshot& snapshot, const RowGroups& groups,
                        const std::vector<std::size_t>& stackOf) {
  for (StackHistory& stack : stacks_) {
    stack.ages.clear();
    stack.lifetimes.fill(0);
    stack.allocated = stack.freed = 0;
  }
  const heapprof::Stacks& sites = snapshot.heap().stacks();
  for (std::size_t row = 0; row < groups.groupOf.size(); ++row) {
    const absl::optional<std::size_t> site = snapshot.stackRow(row);
    if (groups.groupOf[row] == kNoGroup || !site) continue;
    StackHistory& stack = stacks_[stackOf[groups.groupOf[row]]];
    stack.allocated += cell(sites.raw_allocations(), *site);
    stack.freed += cell(sites.raw_frees(), *site);
    for (std::size_t bucket = 0; bucket < kLifetimeBuckets; ++bucket) {
      stack.lifetimes[bucket] += cell(sites.lifetime_buckets(), *site * kLifetimeBuckets + bucket);
    }
  }
  const heapprof::LiveSamples& samples = snapshot.heap().samples();
  for (const PlacedSample& sample : placeSamples(snapshot)) {
    if (sample.profileRow == kNoProfileRow || sample.row >= samples.age_nanos_size()) continue;
    const std::uint32_t group = groups.groupOf[sample.profileRow];
    if (group == kNoGroup) continue;
    stacks_[stackOf[group]].ages.push_back(
        {static_cast<double>(samples.age_nanos(sample.row)) * kNanos, sample.weight() * sample.allocated});
  }
}

void Histories::finish() {
  std::vector<std::size_t> order(dumps_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [this](std::size_t a, std::size_t b) { return dumps_[a].nanos < dumps_[b].nanos; });
  std::vector<DumpMoment> sorted;
  for (std::size_t index : order) sorted.push_back(dumps_[index]);
  dumps_ = std::move(sorted);
  for (DumpMoment& dump : dumps_) dump.seconds = static_cast<double>(dump.nanos - dumps_[0].nanos) * kNanos;
  for (StackHistory& stack : stacks_) {
    stack.points.resize(dumps_.size());
    std::vector<StackPoint> points;
    for (std::size_t index : order) points.push_back(stack.points[index]);
    stack.points = std::move(points);
    std::sort(stack.ages.begin(), stack.ages.end(),
              [](const LiveAge& a, const LiveAge& b) { return a.seconds > b.seconds; });
  }
}

}  // namespace heapprof::analysis
