#include "runtime/pages/scores.h"

#include <atomic>
#include <bit>

#include "runtime/os/os.h"
#include "runtime/pages/region.h"
#include "runtime/pages/rhythm.h"

namespace heapprof::pages {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAgeNanos[kAges] = {kSecond, 10 * kSecond, 60 * kSecond};
constexpr std::uint64_t kRows = 64;
constexpr std::uint64_t kMillisecond = 1'000'000;

using Counter = std::atomic<std::uint64_t>;

struct Row {
  Counter number, start, duration, reason, advised, resident, returned, kept, known, broken;
  Counter refaulted[kAges];
};
constinit Row rows[kRows];
constinit Counter passes{0}, advised{0}, resident{0}, returned{0}, nanos{0}, unknown{0};
constinit Counter refaulted[kAges] = {};
constinit Counter byAdvised[kBuckets] = {}, byDuration[kBuckets] = {}, byRefaultAge[kBuckets] = {};

std::uint64_t get(const Counter& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}
void set(Counter& counter, std::uint64_t value) noexcept {
  counter.store(value, std::memory_order_relaxed);
}
void add(Counter& counter, std::uint64_t value) noexcept {
  counter.fetch_add(value, std::memory_order_relaxed);
}

Counter& bucketOf(Counter (&buckets)[kBuckets], std::uint64_t value) noexcept {
  const unsigned bucket = value == 0 ? 0 : static_cast<unsigned>(std::bit_width(value)) - 1;
  return buckets[bucket < kBuckets ? bucket : kBuckets - 1];
}

PurgeRow copyOf(const Row& row) noexcept {
  PurgeRow copy = {get(row.number),
                   get(row.start),
                   get(row.duration),
                   static_cast<PurgeReason>(get(row.reason)),
                   get(row.advised),
                   get(row.resident),
                   get(row.returned),
                   get(row.kept),
                   get(row.known) != 0,
                   get(row.broken),
                   {}};
  for (unsigned i = 0; i < kAges; ++i) copy.refaultedBytes[i] = get(row.refaulted[i]);
  return copy;
}

}  // namespace

void notePass(const PurgePass& pass) noexcept {
  if (pass.advisedBytes == 0) return;
  const std::uint64_t duration = os::calls().monotonicNanos() - pass.startNanos;
  const std::uint64_t number = passes.fetch_add(1, std::memory_order_relaxed) + 1;
  Row& row = rows[number % kRows];
  set(row.number, 0);
  for (Counter& counter : row.refaulted) set(counter, 0);
  set(row.start, pass.startNanos);
  set(row.duration, duration);
  set(row.reason, static_cast<std::uint64_t>(pass.reason));
  set(row.advised, pass.advisedBytes);
  set(row.resident, pass.residentBytes);
  set(row.returned, pass.returnedBytes);
  set(row.kept, pass.keptBytes);
  set(row.known, pass.residencyKnown ? 1 : 0);
  set(row.broken, pass.hugePagesBroken);
  // release: who reads the number reads this pass's figures.
  row.number.store(number, std::memory_order_release);
  add(advised, pass.advisedBytes);
  add(resident, pass.residentBytes);
  add(returned, pass.returnedBytes);
  add(nanos, duration);
  add(bucketOf(byAdvised, pass.advisedBytes), 1);
  add(bucketOf(byDuration, duration), 1);
  if (!pass.residencyKnown) add(unknown, 1);
}

void stampUnit(Granule granule, std::uint64_t nowNanos) noexcept {
  unitOf(granule).purgedMillis.store(millisOf(nowNanos), std::memory_order_relaxed);
}

void noteRefault(Granule granule, std::uint64_t bytes, std::uint64_t nowNanos) noexcept {
  const std::uint32_t stamp = unitOf(granule).purgedMillis.load(std::memory_order_relaxed);
  const auto now = millisOf(nowNanos);
  const std::uint64_t age = std::uint64_t{now - stamp} * kMillisecond;
  // Stamps are whole milliseconds, so an age is known to half a one.
  add(bucketOf(byRefaultAge, age + kMillisecond / 2), (bytes + os::pageBytes() - 1) / os::pageBytes());
  if (age > kAgeNanos[kAges - 1]) return;
  Row* row = nullptr;
  const std::uint64_t last = get(passes);
  const std::uint64_t purgedAt = nowNanos - age;
  // The pass that ran when the unit was stamped.
  for (std::uint64_t n = last; n > 0 && n + kRows > last; --n) {
    Row& candidate = rows[n % kRows];
    if (candidate.number.load(std::memory_order_acquire) != n) continue;
    if (get(candidate.start) <= purgedAt + kMillisecond) {
      row = &candidate;
      break;
    }
  }
  for (unsigned i = 0; i < kAges; ++i) {
    if (age > kAgeNanos[i]) continue;
    add(refaulted[i], bytes);
    if (row != nullptr) add(row->refaulted[i], bytes);
  }
}

PurgeTotals purgeTotals() noexcept {
  PurgeTotals totals = {get(passes), get(advised), get(resident), get(returned), get(nanos), get(unknown),
                        {}};
  for (unsigned i = 0; i < kAges; ++i) totals.refaultedBytes[i] = get(refaulted[i]);
  return totals;
}

void readSpread(PurgeSpread& spread) noexcept {
  for (unsigned i = 0; i < kBuckets; ++i) {
    spread.advisedBytes[i] = get(byAdvised[i]);
    spread.durationNanos[i] = get(byDuration[i]);
    spread.refaultNanos[i] = get(byRefaultAge[i]);
  }
}

void forEachPass(void (*visit)(void* context, const PurgeRow& row), void* context) noexcept {
  const std::uint64_t last = get(passes);
  for (std::uint64_t n = last >= kRows ? last - kRows + 1 : 1; n <= last; ++n) {
    const Row& row = rows[n % kRows];
    if (row.number.load(std::memory_order_acquire) != n) continue;
    const PurgeRow copy = copyOf(row);
    if (copy.number == n) visit(context, copy);
  }
}

}  // namespace heapprof::pages
