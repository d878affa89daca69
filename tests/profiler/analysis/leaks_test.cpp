// Verdicts on programs that the test simulates object by object, sampled as the runtime samples;
// suppressions.
#include "profiler/analysis/leaks.h"

#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "profiler/analysis/leak_verdict.h"
#include "profiler/analysis/suppressions.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

constexpr double kBytes = 4096;  // that one sample stands for

using Random = std::mt19937_64;

// Births at `rate(t)` samples a second; each lives for life(random, t) seconds.
struct Program {
  std::function<double(double)> rate;
  std::function<double(Random&, double)> life;
};

constexpr double kForEver = 1e9;

struct Simulated {
  StackHistory stack;
  std::vector<DumpMoment> dumps;
};

Simulated simulate(const Program& program, std::size_t dumps, std::uint64_t seed, double every = 10) {
  Random random(seed);
  const double end = every * static_cast<double>(dumps), step = 0.01;
  struct Object {
    double birth, death;
  };
  std::vector<Object> objects;
  for (double t = 0; t < end; t += step) {
    std::poisson_distribution<int> births(program.rate(t) * step);
    for (int n = births(random); n > 0; --n) objects.push_back({t, t + program.life(random, t)});
  }
  Simulated out;
  for (std::size_t i = 1; i <= dumps; ++i) {
    const double now = every * static_cast<double>(i);
    DumpMoment moment;
    moment.seconds = now - every;
    moment.uptime = now;
    out.dumps.push_back(moment);
    StackPoint point;
    for (const Object& object : objects) {
      if (object.birth > now) continue;
      point.bornVariance += kBytes * kBytes;
      if (object.death <= now) point.diedVariance += kBytes * kBytes;
      if (object.death > now) {
        point.samples += 1;
        point.bytes += kBytes;
        point.variance += kBytes * kBytes;
      }
    }
    out.stack.points.push_back(point);
  }
  for (const Object& object : objects) {  // in order of birth: oldest first
    out.stack.allocated += 1;
    if (object.death > end) {
      out.stack.ages.push_back({end - object.birth, kBytes});
      continue;
    }
    out.stack.freed += 1;
    const double nanos = std::max(1.0, (object.death - object.birth) * 1e9);
    out.stack.lifetimes[static_cast<std::size_t>(std::log2(nanos))] += 1;
  }
  return out;
}

// Of `runs` seeds, how many give this verdict.
int countOf(LeakVerdict wanted, const Program& program, std::size_t dumps, int runs = 300) {
  int count = 0;
  for (int seed = 1; seed <= runs; ++seed) {
    const Simulated made = simulate(program, dumps, static_cast<std::uint64_t>(seed));
    count += judge(made.stack, made.dumps, true).verdict == wanted ? 1 : 0;
  }
  return count;
}

auto always(double rate) {
  return [rate](double) { return rate; };
}
auto untilThen(double end, double rate) {
  return [end, rate](double t) { return t < end ? rate : 0; };
}
double forEver(Random&, double) {
  return kForEver;
}
auto exponential(double mean) {
  return [mean](Random& random, double) { return std::exponential_distribution<double>(1 / mean)(random); };
}

// Of 300 steady leaks about 7 lie more than two errors on the side of what slows down; 14 would be rare.
TEST(Leaks, OfFifteenSamplesBetweenDumpsAreFoundByTheThird) {
  EXPECT_GE(countOf(LeakVerdict::kGrowing, {always(1.5), forEver}, 3), 286);
  EXPECT_GE(countOf(LeakVerdict::kGrowing, {always(1.5), forEver}, 8), 286);
}

TEST(Leaks, AmongObjectsThatDieYoungAreFound) {
  const Program program{always(20), [](Random& random, double) {
                          return random() % 10 == 0 ? kForEver
                                                    : 0.05 * static_cast<double>(random() % 100 + 1) / 100;
                        }};
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Simulated made = simulate(program, 3, seed);
    found += isSuspect(judge(made.stack, made.dumps, true).verdict) ? 1 : 0;
  }
  EXPECT_GE(found, 99);
  EXPECT_GE(countOf(LeakVerdict::kOldNeverFreed, program, 1, 100), 95) << "one dump is enough here";
}

// 16 samples a second stay of 380; at any moment some 220 live that go: more than the leak adds in all the
// time.
TEST(Leaks, UnderMoreChurnThanTheyAddAreFoundByTheEighthDump) {
  const Program program{always(380), [](Random& random, double) {
                          return random() % 380 < 16 ? kForEver
                                                     : std::exponential_distribution<double>(1 / 0.6)(random);
                        }};
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Simulated made = simulate(program, 8, seed, 1);
    found += isSuspect(judge(made.stack, made.dumps, true).verdict) ? 1 : 0;
  }
  EXPECT_GE(found, 98);
}

TEST(Leaks, PopulationsThatTurnOverAreNeverCalledGrowing) {
  for (std::size_t dumps : {3, 4, 6, 12}) {
    SCOPED_TRACE(dumps);
    EXPECT_LE(countOf(LeakVerdict::kGrowing, {always(10), exponential(3)}, dumps), 1);
    EXPECT_LE(countOf(LeakVerdict::kGrowing, {always(4), exponential(8)}, dumps), 3)
        << "still filling at the first dump";
  }
}

TEST(Leaks, CachesThatFillAndStopAreNeverCalledGrowing) {
  for (std::size_t dumps : {3, 4, 6}) {
    SCOPED_TRACE(dumps);
    EXPECT_LE(countOf(LeakVerdict::kGrowing, {untilThen(18, 10), forEver}, dumps), 1);
    // It still takes in a twentieth of itself between the last two of three dumps: one in fifty may be
    // mistaken.
    const Program fills{[](double t) { return 20 * std::exp(-t / 8); }, forEver};
    EXPECT_LE(countOf(LeakVerdict::kGrowing, fills, dumps), dumps == 3 ? 6 : 1);
  }
}

TEST(Leaks, SawteethAreNeverCalledGrowing) {
  for (const double period : {3.7, 7.3, 13.0, 17.0}) {
    SCOPED_TRACE(period);
    const Program program{always(15),
                          [period](Random&, double t) { return (std::floor(t / period) + 1) * period - t; }};
    for (std::size_t dumps : {3, 4, 5, 6})
      EXPECT_LE(countOf(LeakVerdict::kGrowing, program, dumps, 100), 1) << dumps;
  }
}

TEST(Leaks, WhatWasAllocatedAtStartIsAOneOff) {
  EXPECT_GE(countOf(LeakVerdict::kOneOff, {untilThen(2, 20), forEver}, 3), 299);
  EXPECT_GE(countOf(LeakVerdict::kOneOff, {untilThen(1, 40), forEver}, 1), 299);
}

TEST(Leaks, OneDumpAloneSaysStillAllocatingAndNotGrowing) {
  EXPECT_GE(countOf(LeakVerdict::kStillAllocating, {always(5), forEver}, 1), 299);
  EXPECT_EQ(countOf(LeakVerdict::kGrowing, {always(5), forEver}, 2), 0);
}

// It was filled once and rests since: two dumps cannot know that it goes on resting.
TEST(Leaks, TwoDumpsSayThatItGrewAndNotThatItIsOver) {
  EXPECT_GE(countOf(LeakVerdict::kGrew, {untilThen(16, 20), forEver}, 2), 299);
  EXPECT_GE(countOf(LeakVerdict::kLevelledOff, {untilThen(16, 20), forEver}, 4), 290);
}

TEST(Leaks, OneDumpIsNeverCalledSteady) {
  const Program half{always(20), [](Random& random, double) { return random() % 3 == 0 ? 0.5 : kForEver; }};
  EXPECT_EQ(countOf(LeakVerdict::kSteady, half, 1), 0);
  EXPECT_GE(countOf(LeakVerdict::kUnclear, half, 1), 290);
}

TEST(Leaks, WithoutSamplingNobodyIsAcquitted) {
  test::SnapshotMaker maker;
  maker.heap().mutable_header()->set_pid(1);
  Histories histories;
  ASSERT_TRUE(histories.add(test::queryOf(maker)).ok());
  histories.finish();
  EXPECT_THAT(leakReport(histories, {}).answer, testing::StartsWith("unknown: sampling was off"));
  maker.heap().mutable_header()->set_sampling_interval_bytes(1 << 19);
  Histories sampled;
  ASSERT_TRUE(sampled.add(test::queryOf(maker)).ok());
  sampled.finish();
  EXPECT_EQ(leakReport(sampled, {}).answer, "no suspects");
}

TEST(Leaks, TheSlopesErrorCoversTheTruth) {
  int within = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Simulated made = simulate({always(5), forEver}, 6, seed);
    const LeakJudgement found = judge(made.stack, made.dumps, true);
    within += std::fabs(found.slope - 5 * kBytes) <= 2 * found.slopeError ? 1 : 0;
  }
  EXPECT_GE(within, 276);
}

TEST(Suppressions, MatchAsLeakSanitizersDo) {
  struct Case {
    const char *pattern, *name;
    bool matches;
  };
  const Case cases[] = {
      {"foo", "xfoox", true},
      {"foo", "fo", false},
      {"^foo", "foobar", true},
      {"^foo", "xfoo", false},
      {"foo$", "barfoo", true},
      {"foo$", "foobar", false},
      {"^foo$", "foo", true},
      {"^foo$", "foofoo", false},
      {"a*c", "xabbcx", true},
      {"a*c", "cba", false},
      {"^a*c$", "abc", true},
      {"^a*c$", "abcd", false},
      {"lib*.so", "/usr/lib/libssl.so.3", true},
      {"*", "anything", true},
      {"", "x", false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(suppresses(one.pattern, one.name), one.matches) << one.pattern << " on " << one.name;
  }
}

TEST(Suppressions, FilesMayHoldCommentsAndOtherToolsLines) {
  const auto parsed = parseSuppressions("# known\n\nleak:libfoo\nrace:bar\n  leak:^main$  \n", "supp.txt");
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ((*parsed)[1].pattern, "^main$");
  const auto wrong = parseSuppressions("leak:a\nlibfoo\n", "supp.txt");
  EXPECT_THAT(std::string(wrong.status().message()), testing::HasSubstr("supp.txt: line 2"));
}

TEST(Suppressions, FindFunctionsFilesAndModules) {
  std::vector<Suppression> all = {{"cache.cpp", 0, 0}, {"^keep$", 0, 0}};
  EXPECT_EQ(findSuppression(all, "malloc\nkeep\nmain", ""), &all[1]);
  EXPECT_EQ(findSuppression(all, "malloc\nmain", "/usr/bin/x\nsrc/cache.cpp"), &all[0]);
  EXPECT_EQ(findSuppression(all, "malloc\nkeeper\nmain", "/usr/bin/x"), nullptr);
}

}  // namespace
}  // namespace heapprof::analysis
