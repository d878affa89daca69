// Children of one parent draw their samples on their own: without that, all of them would go on with the
// random numbers and the half-used gaps that their parent had, so that a sum over them would have an error
// far above the one printed with it.
//
// No seed is set, so these draws do not repeat: bounds of 5 standard errors, which fail a sound sampler once
// in some 10,000 runs. Objects come from hp_malloc only, so the sampler sees nothing of the test itself.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "runtime/entry/malloc_family.h"
#include "runtime/sampling/law.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::sampling::tests {
namespace {

// With thread sanitizer a child takes 8 ms; 52 are the fewest for which no variance at all is a failure.
#if defined(__SANITIZE_THREAD__)
constexpr int kChildren = 60;
#else
constexpr int kChildren = 150;
#endif
constexpr double kStandardErrors = 5;

// Of each size so many that about 20 are sampled: small ones, whose bins are cut at the next sample, a
// medium and a large one.
struct Case {
  std::size_t size;
  std::uint64_t interval;
  int objects;
};
constexpr Case kCases[] = {
    {64, 16384, 5000},
    {1024, 65536, 1300},
    {16384, std::uint64_t{1} << 20, 1300},
    {std::size_t{1} << 20, std::uint64_t{8} << 20, 170},
};

std::uint64_t samplesOf(const Case& work) {
  const std::uint64_t before = statistics().recordsEver;
  for (int i = 0; i < work.objects; ++i) {
    if (hp_malloc(work.size) == nullptr) std::abort();
  }
  return statistics().recordsEver - before;
}

void tryForChild(const Case& work, bool onThread, std::uint64_t* samples) {
  if (!onThread) {
    *samples = samplesOf(work);
  } else {
    std::thread([&] { *samples = samplesOf(work); }).join();
  }
}

// How many samples each child took; -1 for one that failed.
std::vector<int> runChildren(const Case& work, int children, bool onThread) {
  std::vector<int> counts;
  std::fflush(nullptr);  // thread sanitizer's _exit() would write what is buffered, once a child
  for (int i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      std::uint64_t samples = 0;
      tryForChild(work, onThread, &samples);
      _exit(static_cast<int>(std::min<std::uint64_t>(samples, 255)));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
      counts.push_back(-1);
    } else {
      counts.push_back(WEXITSTATUS(status));
    }
  }
  return counts;
}

// Some objects first, so that a bin is half used and a gap half counted down.
void prepareParent(const Case& work, bool onThread) {
  initialise();
  setIntervalBytes(work.interval);
  std::vector<void*> objects(10);
  const auto fill = [&] {
    for (void*& object : objects) object = hp_malloc(work.size);
  };
  if (onThread) {
    std::thread(fill).join();
  } else {
    fill();
  }
  for (void* object : objects) hp_free(object);
}

// The law's count is binomial, whatever state the parent was in.
void expectBinomial(const Case& work, const std::vector<int>& counts) {
  double mean = 0;
  double variance = 0;
  for (int count : counts) {
    ASSERT_GE(count, 0);
    mean += count / static_cast<double>(counts.size());
  }
  for (int count : counts) variance += std::pow(count - mean, 2) / static_cast<double>(counts.size() - 1);
  void* object = hp_malloc(work.size);
  const double p = sampleProbability(hp_malloc_usable_size(object), work.interval);
  hp_free(object);
  const double lawMean = work.objects * p;
  const double lawVariance = lawMean * (1 - p);
  const double children = static_cast<double>(counts.size());
  const double meanError = (mean - lawMean) / std::sqrt(lawVariance / children);
  std::printf("%zu bytes: %.2f samples a child, %+.2f standard errors; variance %.2f of the law's\n",
              work.size, mean, meanError, variance / lawVariance);
  EXPECT_LT(std::abs(meanError), kStandardErrors);
  EXPECT_NEAR(variance / lawVariance, 1, kStandardErrors * std::sqrt(2 / (children - 1)));
}

TEST(SamplingInChildren, ChildrenOfOneParentDrawIndependently) {
  for (const Case& work : kCases) {
    SCOPED_TRACE(work.size);
    prepareParent(work, false);
    expectBinomial(work, runChildren(work, kChildren, false));
  }
}

// The child's thread takes the heap that its parent's thread has left behind.
TEST(SamplingInChildren, HeapsThatWereParkedInTheParentDrawIndependently) {
  for (const Case& work : kCases) {
    SCOPED_TRACE(work.size);
    prepareParent(work, true);
    expectBinomial(work, runChildren(work, kChildren, true));
  }
}

// Bins that have been cut at the sample which comes next. All children of a parent would take that one, or
// none: samples would come in fortyfold.
TEST(SamplingInChildren, TheSampleBehindAHalfUsedBinIsDrawnAnewAsWell) {
  initialise();
  constexpr Case kWork = {64, 16384, 60};
  constexpr int kParents = 15;
  constexpr int kEach = 40;
  const double p = sampleProbability(kWork.size, kWork.interval);
  const double lawMean = kEach * kWork.objects * p;
  double sum = 0;
  double dispersion = 0;
  setIntervalBytes(kWork.interval);
  for (int parent = 0; parent < kParents; ++parent) {
    // Whole slabs come free, so bins are long, and most of them are cut.
    std::vector<void*> objects(3000 + static_cast<std::size_t>(parent));
    for (void*& object : objects) object = hp_malloc(kWork.size);
    for (void* object : objects) hp_free(object);
    if (hp_malloc(kWork.size) == nullptr) std::abort();
    double early = 0;
    for (int count : runChildren(kWork, kEach, false)) {
      ASSERT_GE(count, 0);
      early += count;
    }
    sum += early;
    dispersion += std::pow(early - lawMean, 2) / (lawMean * (1 - p));
  }
  std::printf("%.0f samples, %.1f expected; dispersion %.1f, %d expected\n", sum, kParents * lawMean,
              dispersion, kParents);
  EXPECT_NEAR(sum, kParents * lawMean, kStandardErrors * std::sqrt(kParents * lawMean * (1 - p)));
  EXPECT_LT(dispersion, kParents + kStandardErrors * std::sqrt(2.0 * kParents));
}

// seed= makes a run repeatable, its children included.
int runSeeded() {
  prepareParent(kCases[0], false);
  for (int count : runChildren(kCases[0], 8, false)) std::printf("%d ", count);
  return 0;
}

TEST(SamplingInChildren, ASeedIsKeptInChildren) {
  std::array<char, 4096> path = {};
  ASSERT_GT(readlink("/proc/self/exe", path.data(), path.size() - 1), 0);
  const std::string command =
      std::string("HEAPPROF=seed=7,sample=0,dump=none,background=0 '") + path.data() + "' --seeded";
  std::string seen[2];
  for (std::string& output : seen) {
    FILE* pipe = popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::array<char, 256> line = {};
    while (std::fgets(line.data(), line.size(), pipe) != nullptr) output += line.data();
    ASSERT_EQ(pclose(pipe), 0);
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_GE(std::count(seen[0].begin(), seen[0].end(), ' '), 8);
}

}  // namespace
}  // namespace heapprof::sampling::tests

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--seeded") == 0) return heapprof::sampling::tests::runSeeded();
  unsetenv("HEAPPROF");
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
