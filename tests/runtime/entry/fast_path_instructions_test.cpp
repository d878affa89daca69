// The fast paths' length, in executed instructions from entry to return, of the library as it is shipped.
#include <gtest/gtest.h>

#include "tests/runtime/entry/single_step.h"

namespace heapprof::tests {
namespace {

constexpr std::uint64_t kMallocLimit = 16;
constexpr std::uint64_t kFreeLimit = 20;
constexpr std::uint64_t kTaggedLimit = 50;

void expectShort(const std::string& setting, double rareShare) {
  std::vector<Counted> functions(2);
  std::string why;
  const bool counted =
      countCalls({HEAPPROF_TARGET}, {"LD_PRELOAD=" HEAPPROF_LIBRARY, setting}, &functions, &why);
  if (!counted) GTEST_SKIP() << why;
  const Counted& allocate = functions[0];
  const Counted& release = functions[1];
  testing::Test::RecordProperty("malloc_instructions", std::to_string(allocate.mostFrequent()));
  testing::Test::RecordProperty("free_instructions", std::to_string(release.mostFrequent()));
  std::printf("%s: malloc(64) %ju, free %ju instructions; longer: %.2f%%, %.2f%% of calls\n", setting.c_str(),
              static_cast<uintmax_t>(allocate.mostFrequent()), static_cast<uintmax_t>(release.mostFrequent()),
              100 * allocate.shareAbove(kMallocLimit), 100 * release.shareAbove(kFreeLimit));
  EXPECT_EQ(allocate.calls(), 2000u);
  EXPECT_EQ(release.calls(), 2000u);
  EXPECT_LE(allocate.mostFrequent(), kMallocLimit);
  EXPECT_LE(release.mostFrequent(), kFreeLimit);
  EXPECT_LE(allocate.shareAbove(kMallocLimit), rareShare);
  EXPECT_LE(release.shareAbove(kFreeLimit), rareShare);
}

TEST(FastPath, IsShortWithSamplingOff) {
  expectShort("HEAPPROF=0", 0.03);
}
TEST(FastPath, IsTheSameWithSamplingOn) {
  expectShort("HEAPPROF=sample=512k,seed=1,dump=signal:USR2", 0.05);
}

// A slab that holds a sample is tagged: frees of its other objects ask the filter first. That may cost some
// instructions, not a search.
TEST(FastPath, FreesIntoATaggedSlabTakeAFewMore) {
  std::vector<Counted> functions(2);
  std::string why;
  if (!countCalls({HEAPPROF_TARGET},
                  {"LD_PRELOAD=" HEAPPROF_LIBRARY, "HEAPPROF=sample=4k,seed=1,dump=signal:USR2"}, &functions,
                  &why)) {
    GTEST_SKIP() << why;
  }
  const Counted& release = functions[1];
  std::uint64_t tagged = 0, times = 0;
  for (const auto& [instructions, count] : release.callsByInstructions) {
    if (instructions > kFreeLimit && count > times) {
      tagged = instructions;
      times = count;
    }
  }
  std::printf("tagged free: %ju instructions, %.0f%% of calls at sample=4k\n", static_cast<uintmax_t>(tagged),
              100.0 * static_cast<double>(times) / static_cast<double>(release.calls()));
  EXPECT_GT(tagged, kFreeLimit) << "no free took the tagged path: the test tests nothing";
  EXPECT_LE(tagged, kTaggedLimit);
}

}  // namespace
}  // namespace heapprof::tests
