#include "runtime/pages/extents.h"

#include <gtest/gtest.h>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/region.h"
#include "runtime/pages/units.h"

namespace heapprof::pages {
namespace {

// A range of granules that belongs to the test, between two that stay taken: its nodes are nobody else's.
struct Range {
  Span span = allocate(4096);
  Granule first = span.first + 1;
  std::uint32_t granules = span.granules - 2;
};

// The slow, obvious way: one flag per granule.
class Oracle {
 public:
  explicit Oracle(std::uint32_t granules) : free_(granules, false) {}
  void set(std::uint32_t at, std::uint32_t count, bool isFree) {
    for (std::uint32_t i = at; i < at + count; ++i) {
      ASSERT_NE(free_[i], isFree) << "granule " << i << " twice";
      free_[i] = isFree;
    }
  }
  bool holds(std::uint32_t count, std::uintptr_t firstNumber, std::uint32_t alignment) const {
    for (std::size_t at = 0; at < free_.size(); ++at) {
      if ((firstNumber + at) % alignment != 0) continue;
      std::size_t end = at;
      while (end < free_.size() && free_[end] && end - at < count) ++end;
      if (end - at == count) return true;
    }
    return false;
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> extents() const {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
    for (std::uint32_t at = 0; at < free_.size(); ++at) {
      if (!free_[at]) continue;
      const std::uint32_t start = at;
      while (at < free_.size() && free_[at]) ++at;
      all.emplace_back(start, at - start);
    }
    return all;
  }

 private:
  std::vector<bool> free_;
};

void expectSame(Extents& extents, const Oracle& oracle, Granule first) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> found;
  struct Job {
    decltype(found)* out;
    Granule first;
  } job = {&found, first};
  extents.forEach(
      [](void* context, Granule at, std::uint32_t granules) {
        auto* j = static_cast<Job*>(context);
        j->out->emplace_back(at - j->first, granules);
      },
      &job);
  std::sort(found.begin(), found.end());
  ASSERT_EQ(found, oracle.extents());
}

TEST(Extents, AgreeWithAnOracleOverRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Range range;
    ASSERT_NE(range.span.first, kNoGranule);
    Extents extents;
    Oracle oracle(range.granules);
    extents.give(range.first, range.granules);
    oracle.set(0, range.granules, true);
    base::Random random(seed);
    const std::uintptr_t number = addressOf(range.first) >> kGranuleShift;
    std::vector<std::pair<Granule, std::uint32_t>> taken;
    for (int i = 0; i < 3000; ++i) {
      if (random.next() % 2 == 0 || taken.empty()) {
        const auto wanted =
            static_cast<std::uint32_t>(1 + random.next() % (random.next() % 8 == 0 ? 500 : 40));
        const std::uint32_t alignment = random.next() % 4 == 0 ? 1u << (random.next() % 8) : 1;
        const bool warm = wanted > kUnitGranules && alignment == 1;
        const Granule got = warm ? extents.takeWarm(wanted) : extents.take(wanted, alignment);
        if (got == kNoGranule) {
          ASSERT_FALSE(oracle.holds(wanted, number, alignment)) << wanted << " granules were there";
          continue;
        }
        ASSERT_EQ((addressOf(got) >> kGranuleShift) % alignment, 0u);
        oracle.set(got - range.first, wanted, false);
        taken.emplace_back(got, wanted);
      } else {
        const std::size_t index = random.next() % taken.size();
        const auto [at, count] = taken[index];
        extents.give(at, count);
        oracle.set(at - range.first, count, true);
        taken[index] = taken.back();
        taken.pop_back();
      }
      if (i % 50 == 0) expectSame(extents, oracle, range.first);
    }
    expectSame(extents, oracle, range.first);
    for (const auto& [at, count] : taken) extents.give(at, count);
    // All back: one extent again, which a taker leaves without a trace.
    EXPECT_TRUE(extents.takeAt(range.first, range.granules));
    EXPECT_EQ(extents.freeGranules(), 0u);
    release(range.span.first, range.span.granules);
  }
}

TEST(Extents, TheTightestHoleIsTaken) {
  const Range range;
  Extents extents;
  extents.give(range.first, 50);
  extents.give(range.first + 100, 20);
  extents.give(range.first + 200, 30);
  EXPECT_EQ(extents.take(19, 1), range.first + 100);
  EXPECT_EQ(extents.take(25, 1), range.first + 200);
  EXPECT_EQ(extents.take(45, 1), range.first);
}

TEST(Extents, BinsRiseWithLength) {
  for (std::uint32_t n = 2; n < 200000; ++n) ASSERT_LE(Extents::binOf(n - 1), Extents::binOf(n)) << n;
}

TEST(UnitLists, LongestRunAndPlaceAgreeWithAnOracle) {
  base::Random random(11);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t used = (random.next() | (i % 2 != 0 ? random.next() : 0)) & kAllGranules;
    const std::uint64_t backed = random.next() & kAllGranules;
    unsigned longest = 0;
    for (unsigned at = 0, run = 0; at < kUnitGranules; ++at) {
      run = (used >> at & 1) != 0 ? 0 : run + 1;
      longest = std::max(longest, run);
    }
    ASSERT_EQ(UnitLists::longestFreeRun(used), longest);
    const auto wanted = static_cast<std::uint32_t>(1 + random.next() % kLargestMedium);
    unsigned first = kUnitGranules, warm = kUnitGranules;
    for (unsigned at = kUnitGranules - wanted + 1; at-- > 0;) {
      const std::uint64_t run = bitRun(at, wanted);
      if ((used & run) != 0) continue;
      first = at;
      if ((backed & run) == run) warm = at;
    }
    ASSERT_EQ(UnitLists::findRun(used, backed, wanted), warm != kUnitGranules ? warm : first);
  }
}

}  // namespace
}  // namespace heapprof::pages
