// The fast paths' length, in executed instructions from entry to return, of the library as it is shipped.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <signal.h>
#include <thread>

#include "tests/runtime/entry/single_step.h"

namespace heapprof::tests {
namespace {

constexpr std::uint64_t kMallocLimit = 16;
constexpr std::uint64_t kFreeLimit = 20;

void expectShort(const std::string& setting, double rareShare) {
  std::vector<Counted> functions(2);
  std::string why;
  ASSERT_TRUE(countCalls({HEAPPROF_TARGET}, {"LD_PRELOAD=" HEAPPROF_LIBRARY, setting}, &functions, &why))
      << why;
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

// The counts do not depend on what else happens on the machine: stops, continues and ignored signals come all
// the time.
TEST(FastPath, IsCountedTheSameWhileSignalsComeFromOutside) {
  std::vector<Counted> quiet(2), disturbed(2);
  std::string why;
  ASSERT_TRUE(countCalls({HEAPPROF_TARGET}, {"LD_PRELOAD=" HEAPPROF_LIBRARY, "HEAPPROF=0"}, &quiet, &why))
      << why;
  std::atomic<pid_t> program = 0;
  std::atomic<bool> done = false;
  std::atomic<int> sent = 0;
  std::thread disturber([&] {
    while (!done) {
      for (const int signal : {SIGSTOP, SIGCONT, SIGWINCH, SIGTSTP}) {
        const pid_t target = program;
        if (target != 0 && kill(target, signal) == 0) ++sent;
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    }
  });
  const bool counted = countCalls({HEAPPROF_TARGET}, {"LD_PRELOAD=" HEAPPROF_LIBRARY, "HEAPPROF=0"},
                                  &disturbed, &why, &program);
  done = true;
  disturber.join();
  ASSERT_TRUE(counted) << why;
  EXPECT_GT(sent, 20);
  for (std::size_t i = 0; i < quiet.size(); ++i) {
    EXPECT_EQ(disturbed[i].callsByInstructions, quiet[i].callsByInstructions) << i;
  }
}

// The owner's free asks nothing of a slab of a small class that holds samples: its list is looked through
// later. What sampling costs malloc and free together, looks and samples included, in instructions a call.
TEST(FastPath, FreesIntoASlabWithSamplesTakeNoMore) {
  double off = 0;
  for (const char* interval : {"0", "512k", "64k", "4k"}) {
    std::vector<Counted> functions(2);
    std::string why;
    const std::string setting = std::string("HEAPPROF=seed=1,dump=signal:USR2,sample=") + interval;
    ASSERT_TRUE(countCalls({HEAPPROF_TARGET}, {"LD_PRELOAD=" HEAPPROF_LIBRARY, setting}, &functions, &why))
        << why;
    const double pair = functions[0].mean() + functions[1].mean();
    if (off == 0) off = pair;
    std::printf("sample=%s: malloc and free %.1f instructions on average (%+.1f); free usually %ju\n",
                interval, pair, pair - off, static_cast<uintmax_t>(functions[1].mostFrequent()));
    EXPECT_LE(functions[0].mostFrequent(), kMallocLimit) << interval;
    EXPECT_LE(functions[1].mostFrequent(), kFreeLimit) << interval;
  }
}

}  // namespace
}  // namespace heapprof::tests
