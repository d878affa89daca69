// What a sample costs, in executed instructions and in locked ones, from the entry of malloc and of free to
// their return, of the library as it is shipped. Locked instructions wait until everything that the program
// has written has left the processor, so a few of them can cost more than all others together.
#include <gtest/gtest.h>

#include "tests/runtime/entry/single_step.h"

namespace heapprof::tests {
namespace {

struct Cost {
  std::uint64_t instructions, locked;
};

void expectAtMost(const char* bytes, Cost birth, Cost death) {
  std::vector<Counted> functions(2);
  std::string why;
  // At an interval of 2 bytes every block is a sample, drawn and weighed as at any other.
  ASSERT_TRUE(countCalls({HEAPPROF_TARGET, bytes},
                         {"LD_PRELOAD=" HEAPPROF_LIBRARY, "HEAPPROF=sample=2,seed=1,dump=none,background=0"},
                         &functions, &why))
      << why;
  const Counted& allocate = functions[0];
  const Counted& release = functions[1];
  std::printf(
      "%s bytes: a sampled malloc %ju instructions, %ju of them locked; its free %ju, %ju\n", bytes,
      static_cast<uintmax_t>(allocate.mostFrequent()), static_cast<uintmax_t>(allocate.mostFrequentLocked()),
      static_cast<uintmax_t>(release.mostFrequent()), static_cast<uintmax_t>(release.mostFrequentLocked()));
  EXPECT_EQ(allocate.calls(), 40u);
  EXPECT_EQ(release.calls(), 40u);
  EXPECT_LE(allocate.mostFrequent(), birth.instructions);
  EXPECT_LE(allocate.mostFrequentLocked(), birth.locked);
  EXPECT_LE(release.mostFrequent(), death.instructions);
  EXPECT_LE(release.mostFrequentLocked(), death.locked);
  // It was a sample: no free of an ordinary block locks anything.
  EXPECT_GE(allocate.mostFrequentLocked(), 2u);
  EXPECT_GE(release.mostFrequentLocked(), 2u);
}

// Stacks of 13 frames, recognised: some 15 instructions each. Taken: the lane, and at the site a count, the
// bytes and the allocations or a lifetime; last the total of the heap.
TEST(SampledCost, OfAMediumBlockIsBounded) {
  expectAtMost("16384", {1500, 5}, {560, 6});
}

}  // namespace
}  // namespace heapprof::tests
