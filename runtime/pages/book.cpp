#include "runtime/pages/book.h"

#include "runtime/base/fatal.h"
#include "runtime/os/os.h"

namespace heapprof::pages {
namespace {

// Visits the units that [first, first + granules) touches, each with the bits concerned.
template <typename Visit>
void forEachUnit(Granule first, std::uint32_t granules, Visit visit) noexcept {
  while (granules > 0) {
    const std::uint32_t bit = first % kUnitGranules;
    const std::uint32_t here = granules < kUnitGranules - bit ? granules : kUnitGranules - bit;
    visit(unitOf(first), first, bitRun(bit, here));
    first += here;
    granules -= here;
  }
}

std::uint64_t load(const std::atomic<std::uint64_t>& word) noexcept {
  return word.load(std::memory_order_relaxed);
}
void store(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  word.store(value, std::memory_order_relaxed);
}
unsigned ones(std::uint64_t bits) noexcept {
  return static_cast<unsigned>(__builtin_popcountll(bits));
}

}  // namespace

bool Book::markUsed(Granule first, std::uint32_t granules) noexcept {
  bool zeroed = true;
  forEachUnit(first, granules, [&](Unit& unit, Granule, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    const std::uint64_t backed = load(unit.backed);
    if ((used & bits) != 0) base::fatal("pages: a granule in use was to be handed out again");
    if (used == 0) store(unit.bornNanos, nowNanos);
    const std::uint64_t warm = backed & bits;
    if (warm != 0) zeroed = false;
    freeBackedGranules -= ones(warm);
    const std::uint64_t again = unit.purged & bits;
    if (again != 0) {
      unit.refaults.fetch_add(ones(again), std::memory_order_relaxed);
      refaultedGranules += ones(again);
      unit.purged &= ~bits;
    }
    store(unit.fresh, (load(unit.fresh) & ~bits) | (bits & ~warm));
    store(unit.backed, backed | bits);
    store(unit.used, used | bits);
  });
  usedGranules += granules;
  return zeroed;
}

void Book::markFree(Granule first, std::uint32_t granules) noexcept {
  forEachUnit(first, granules, [&](Unit& unit, Granule, std::uint64_t bits) {
    const std::uint64_t used = load(unit.used);
    if ((used & bits) != bits) base::fatal("pages: a granule was given back that is not in use");
    store(unit.used, used & ~bits);
    freeBackedGranules += ones(load(unit.backed) & bits);
  });
  usedGranules -= granules;
}

std::uint64_t Book::discard(Granule first, std::uint32_t granules, std::uint64_t most) noexcept {
  std::uint64_t done = 0;
  forEachUnit(first, granules, [&](Unit& unit, Granule at, std::uint64_t bits) {
    std::uint64_t todo = load(unit.backed) & bits & ~load(unit.used);
    const Granule unitStart = at & ~(kUnitGranules - 1);
    while (todo != 0 && done < most) {
      const auto from = static_cast<unsigned>(__builtin_ctzll(todo));
      const std::uint64_t rest = ~(todo >> from);
      const unsigned length = rest == 0 ? 64 : static_cast<unsigned>(__builtin_ctzll(rest));
      const std::uint64_t run = bitRun(from, length);
      todo &= ~run;
      const std::size_t bytes = std::size_t{length} << kGranuleShift;
      if (!os::calls().discard(reinterpret_cast<void*>(addressOf(unitStart + from)), bytes)) continue;
      store(unit.backed, load(unit.backed) & ~run);
      unit.purged |= run;
      unit.purges.fetch_add(1, std::memory_order_relaxed);
      freeBackedGranules -= length;
      purgedBytes += bytes;
      done += length;
    }
  });
  return done;
}

std::uint64_t Book::purgeDownTo(std::uint64_t keep) noexcept {
  if (freeBackedGranules <= keep) return 0;
  struct Job {
    Book* book;
    std::uint64_t left;
    std::uint64_t done;
  } job = {this, freeBackedGranules - keep, 0};
  extents.forEach(
      [](void* context, Granule first, std::uint32_t granules) {
        auto* j = static_cast<Job*>(context);
        if (j->left == 0) return;
        const std::uint64_t got = j->book->discard(first, granules, j->left);
        j->done += got;
        j->left -= got < j->left ? got : j->left;
      },
      &job);
  lists.forEachListed([&](std::uint32_t number) {
    if (job.left == 0) return;
    const std::uint64_t got = discard(number << kUnitGranulesShift, kUnitGranules, job.left);
    job.done += got;
    job.left -= got < job.left ? got : job.left;
  });
  return job.done << kGranuleShift;
}

}  // namespace heapprof::pages
