// What a sample costs, in executed instructions and in locked ones, from the entry of malloc and of free to
// their return, of the library as it is shipped. Locked instructions wait until everything that the program
// has written has left the processor, so a few of them can cost more than all others together.
#include <cpuid.h>
#include <gtest/gtest.h>

#include "tests/runtime/entry/single_step.h"

namespace heapprof::tests {
namespace {

struct Cost {
  std::uint64_t instructions, locked;
};

// What reading the clock itself adds, and moving the anchor by which the time is told otherwise
// (runtime/sampling/clock.h). Stepping takes so long that this is often due, on a busy machine most often;
// where the hypervisor's clock has to be read, each attempt that is disturbed costs 72 more.
constexpr Cost kReading = {300, 1};

// Without a counter that runs at one speed the clock is read each time.
bool clockIsToldByTheCounter() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
}

void expectAtMost(const char* bytes, Cost birth, Cost death) {
  std::vector<Counted> functions(2);
  std::string why;
  // At an interval of 2 bytes every block is a sample, drawn and weighed as at any other.
  ASSERT_TRUE(countCalls({HEAPPROF_TARGET, bytes},
                         {"LD_PRELOAD=" HEAPPROF_LIBRARY, "HEAPPROF=sample=2,seed=1,dump=none,background=0"},
                         &functions, &why, nullptr, 120))
      << why;
  const Counted& allocate = functions[0];
  const Counted& release = functions[1];
  std::printf(
      "%s bytes: a sampled malloc %ju instructions, %ju of them locked; its free %ju, %ju; most often %ju, "
      "%ju; "
      "%ju, %ju\n",
      bytes, static_cast<uintmax_t>(allocate.tenth()), static_cast<uintmax_t>(allocate.tenthLocked()),
      static_cast<uintmax_t>(release.tenth()), static_cast<uintmax_t>(release.tenthLocked()),
      static_cast<uintmax_t>(allocate.mostFrequent()), static_cast<uintmax_t>(allocate.mostFrequentLocked()),
      static_cast<uintmax_t>(release.mostFrequent()), static_cast<uintmax_t>(release.mostFrequentLocked()));
  EXPECT_EQ(allocate.calls(), 60u);
  EXPECT_EQ(release.calls(), 60u);
  if (!clockIsToldByTheCounter()) {
    birth.instructions += kReading.instructions;
    death.instructions += kReading.instructions;
  }
  EXPECT_LE(allocate.tenth(), birth.instructions);
  EXPECT_LE(allocate.tenthLocked(), birth.locked);
  EXPECT_LE(release.tenth(), death.instructions);
  EXPECT_LE(release.tenthLocked(), death.locked);
  EXPECT_LE(allocate.mostFrequent(), birth.instructions + kReading.instructions);
  EXPECT_LE(allocate.mostFrequentLocked(), birth.locked + kReading.locked);
  EXPECT_LE(release.mostFrequent(), death.instructions + kReading.instructions);
  EXPECT_LE(release.mostFrequentLocked(), death.locked + kReading.locked);
  // It was a sample: no free of an ordinary block locks anything.
  EXPECT_GE(allocate.tenthLocked(), 2u);
  EXPECT_GE(release.tenthLocked(), 2u);
}

// Stacks of 11 frames, recognised: 6 instructions each. Locked: the lane's lock, and the figures'.
TEST(SampledCost, OfAMediumBlockIsBounded) {
  expectAtMost("16384", {711, 2}, {250, 2});
}

}  // namespace
}  // namespace heapprof::tests
