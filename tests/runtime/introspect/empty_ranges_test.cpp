// The ranges known to be empty, against a table with a cell for each address.
#include "runtime/introspect/empty_ranges.h"

#include <gtest/gtest.h>
#include <vector>

#include "runtime/base/random.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kAddresses = 4000;

TEST(EmptyRanges, AnyOrderOfAdditionsGivesTheSameAsATableOfAddresses) {
  base::Random random(3);
  for (int round = 0; round < 50; ++round) {
    EmptyRanges ranges;
    std::vector<bool> empty(kAddresses);
    for (int i = 0; i < 300; ++i) {
      const std::size_t start = 1 + random.next() % (kAddresses - 1);
      if (empty[start]) continue;
      std::size_t end = start + 1 + random.next() % (round % 2 == 0 ? 10 : 100);
      end = end < kAddresses ? end : kAddresses;
      ranges.add(start, end);
      for (std::size_t at = start; at < end && !empty[at]; ++at) empty[at] = true;
    }
    for (std::size_t at = 0; at < kAddresses; ++at) {
      std::size_t end = at;
      while (end < kAddresses && empty[end]) ++end;
      ASSERT_EQ(ranges.endAround(at), empty[at] ? end : 0) << round << ": " << at;
    }
    ranges.clear();
    EXPECT_EQ(ranges.endAround(kAddresses / 2), 0u);
  }
}

TEST(EmptyRanges, WhatDoesNotFitIsForgottenAndWhatJoinsFits) {
  EmptyRanges ranges;
  for (std::size_t i = 0; i < EmptyRanges::kMost; ++i) ranges.add(i * 4 + 1, i * 4 + 3);
  const std::size_t beyond = EmptyRanges::kMost * 4 + 1;
  ranges.add(beyond, beyond + 1);
  EXPECT_EQ(ranges.endAround(beyond), 0u);
  ranges.add(3, 5);
  EXPECT_EQ(ranges.endAround(1), 7u) << "joins both of its neighbours";
  ranges.add(beyond, beyond + 1);
  EXPECT_EQ(ranges.endAround(beyond), beyond + 1) << "there is room again";
  EXPECT_EQ(ranges.endAround(beyond - 4), beyond - 2);
}

}  // namespace
}  // namespace heapprof::introspect
