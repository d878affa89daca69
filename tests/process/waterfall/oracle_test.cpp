// Each line of the waterfall against a program that knows its bytes (oracle.c), without sampling, sampled,
// and exact.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <tuple>

#include "tests/process/waterfall/totals.h"

namespace heapprof::tests {
namespace {

struct OracleRun {
  Lines before, after, expected;
};

std::string outputOf(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (pipe != nullptr && std::fgets(buffer, sizeof buffer, pipe) != nullptr) out += buffer;
  EXPECT_EQ(pipe == nullptr ? -1 : pclose(pipe), 0) << command;
  return out;
}

OracleRun runOracle(const std::string& pattern, const std::string& options) {
  char folder[] = "/tmp/heapprof-oracle.XXXXXX";
  EXPECT_NE(mkdtemp(folder), nullptr);
  const std::string output = outputOf(
      "HEAPPROF=" + options + " LD_PRELOAD=" ORACLE_LIBRARY " " ORACLE_PROGRAM " " + pattern + " " + folder);
  OracleRun run;
  std::istringstream in(output);
  std::string name;
  double bytes = 0;
  while (in >> name >> bytes) run.expected[name] = bytes;
  run.expected.erase("pattern");
  run.before = waterfallOf(std::string(folder) + "/before.pb.gz");
  run.after = waterfallOf(std::string(folder) + "/after.pb.gz");
  EXPECT_EQ(std::system(("rm -r " + std::string(folder)).c_str()), 0);
  return run;
}

// What the allocator may hold back or hand out besides the pattern: the bins of the current slabs, stdio.
constexpr double kCrumbs = 24 * 1024;
// The kernel maps 64 KiB of a file around each fault: two pieces of code may run for the first time.
constexpr double kCode = 2 * 64 * 1024;

class Waterfall : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Waterfall, EveryLineGrowsByWhatTheProgramKnows) {
  const std::string options = std::get<1>(GetParam());
  const bool sampled = options != "0";
  const OracleRun run = runOracle(std::get<0>(GetParam()), options);
  ASSERT_FALSE(run.expected.empty());
  for (const auto& [line, bytes] : run.expected) {
    const bool bySampling = line == "requested" || line == "internal_slack";
    ASSERT_EQ(run.after.count(line), bySampling && !sampled ? 0u : 1u) << line;
    if (run.after.count(line) == 0) continue;
    double tolerance = line == "live_objects" ? 200 : line == "other_mappings" ? kCode : kCrumbs;
    if (bySampling) {
      // 4 standard errors of both dumps. What was live before sampling began has a guessed request; it does
      // not move.
      tolerance += 4 * std::hypot(run.before.at("requested_stderr"), run.after.at("requested_stderr"));
    }
    EXPECT_NEAR(run.after.at(line) - run.before.at(line), bytes, tolerance) << line;
  }
  for (const Lines* dump : {&run.before, &run.after}) {
    ASSERT_EQ(dump->count("unattributed"), 1u);
    EXPECT_LT(std::abs(dump->at("unattributed")), 0.02 * dump->at("rss"));
  }
}

INSTANTIATE_TEST_SUITE_P(Oracle, Waterfall,
                         testing::Combine(testing::Values("touched", "untouched_large", "half_touched_large",
                                                          "odd_large", "half_touched_medium", "freed",
                                                          "freed_large", "every_other_freed", "mapping",
                                                          "freed_elsewhere", "sleepers"),
                                          testing::Values("0", "sample=1,dump=none", "sample=64k,dump=none")),
                         [](const auto& which) {
                           const std::string options = std::get<1>(which.param);
                           return std::string(std::get<0>(which.param)) + (options == "0"      ? "_off"
                                                                           : options[7] == '1' ? "_every"
                                                                                               : "_64k");
                         });

// Freed memory is somewhere: in slots, caches or free pages, unless it was given back; then RSS fell with it.
TEST(WaterfallOfFreedMemory, IsAccountedForByFreeLines) {
  const OracleRun run = runOracle("freed", "0");
  const auto grown = [&run](const char* line) { return run.after.at(line) - run.before.at(line); };
  const double kept = grown("free_slots") + grown("thread_caches") + grown("dirty");
  const double books = grown("metadata") + grown("other_mappings");
  EXPECT_NEAR(kept, grown("rss") - books, kCrumbs);
  EXPECT_GT(kept, 1 << 20) << "the pattern frees 50 MB; an allocator that keeps nothing would be slow";
}

}  // namespace
}  // namespace heapprof::tests
