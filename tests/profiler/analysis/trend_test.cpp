// Trends against two passes over all points; gates against figures made by hand.
#include "profiler/analysis/trend.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "profiler/analysis/gates.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::analysis {
namespace {

using test::SnapshotMaker;

// Bytes by function name, at a time in seconds; each with this variance.
model::Query dumpOf(double seconds, const std::vector<std::pair<std::string, double>>& held,
                    double variance = 0) {
  SnapshotMaker maker;
  maker.heap().mutable_header()->set_dump_time_nanos(static_cast<std::uint64_t>((1000 + seconds) * 1e9));
  for (const auto& [name, bytes] : held) {
    maker.sample(maker.stack({"malloc", name, "main"}), {1, std::llround(bytes)});
    maker.stacksRow(variance, variance, 64);
  }
  model::Query query;
  query.snapshot = maker.make();
  query.metric = "inuse_space";
  return query;
}

std::size_t rowOf(const model::Table& table, const std::string& owner) {
  const std::vector<std::string>& owners = table.find("owner")->texts;
  return static_cast<std::size_t>(std::find(owners.begin(), owners.end(), owner) - owners.begin());
}

TEST(Trend, SlopesAndErrorsAreThoseOfTwoPassesInAnyOrderOfDumps) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, 2000);
  constexpr int kDumps = 40;
  std::vector<double> times, values;
  for (int i = 0; i < kDumps; ++i) {
    times.push_back(i * 7.0 + static_cast<double>(random() % 3));
    values.push_back(std::round(100000 + 300 * times.back() + noise(random)));
  }
  std::vector<int> order(kDumps);
  for (int i = 0; i < kDumps; ++i) order[static_cast<std::size_t>(i)] = i;
  std::shuffle(order.begin(), order.end(), random);
  Trend trend;
  for (int i : order) {
    const auto at = static_cast<std::size_t>(i);
    ASSERT_TRUE(trend.add(dumpOf(times[at], {{"grow", values[at]}})).ok());
  }
  double meanT = 0, meanY = 0, stt = 0, sty = 0, rest = 0;
  for (int i = 0; i < kDumps; ++i) {
    meanT += times[static_cast<std::size_t>(i)] / kDumps;
    meanY += values[static_cast<std::size_t>(i)] / kDumps;
  }
  for (std::size_t i = 0; i < kDumps; ++i) {
    stt += (times[i] - meanT) * (times[i] - meanT);
    sty += (times[i] - meanT) * (values[i] - meanY);
  }
  for (std::size_t i = 0; i < kDumps; ++i) {
    const double off = values[i] - meanY - sty / stt * (times[i] - meanT);
    rest += off * off;
  }
  const auto result = trend.result();
  ASSERT_TRUE(result.ok());
  const model::Column& rate = *result->stacks.find("rate");
  EXPECT_NEAR(rate.values[0], sty / stt, 1e-6 * sty / stt);
  EXPECT_NEAR(rate.standardError[0], std::sqrt(rest / (kDumps - 2) / stt), 1e-3 * rate.standardError[0]);
  EXPECT_EQ(result->stacks.find("state")->texts[0], "GROWN");
}

TEST(Trend, TellsNewGonePassingAndSame) {
  Trend trend;
  ASSERT_TRUE(trend.add(dumpOf(0, {{"old", 1000}, {"same", 500}})).ok());
  ASSERT_TRUE(trend.add(dumpOf(1, {{"old", 1000}, {"brief", 800}, {"same", 500}})).ok());
  ASSERT_TRUE(trend.add(dumpOf(2, {{"fresh", 900}, {"same", 500}})).ok());
  const auto result = trend.result();
  ASSERT_TRUE(result.ok());
  const std::vector<std::string>& state = result->stacks.find("state")->texts;
  EXPECT_EQ(state[rowOf(result->stacks, "old")], "GONE");
  EXPECT_EQ(state[rowOf(result->stacks, "fresh")], "NEW");
  EXPECT_EQ(state[rowOf(result->stacks, "brief")], "PASSING");
  EXPECT_EQ(state[rowOf(result->stacks, "same")], "SAME");
}

TEST(Trend, SamplingErrorsHideASlopeThatTheyExplain) {
  Trend trend;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(trend.add(dumpOf(i, {{"f", 10000.0 + 100 * i}}, 250000)).ok());
  const auto result = trend.result();
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->stacks.find("rate")->standardError[0], 500 / std::sqrt(2), 1);
  EXPECT_EQ(result->stacks.find("state")->texts[0], "SAME");
}

TEST(Trend, OfOneTimeIsRefused) {
  Trend trend;
  ASSERT_TRUE(trend.add(dumpOf(0, {{"f", 1}})).ok());
  ASSERT_TRUE(trend.add(dumpOf(0, {{"f", 2}})).ok());
  EXPECT_FALSE(trend.result().ok());
}

TEST(Gates, ParseBothFloorsOrSayHow) {
  const auto gate = parseGate("inuse_space:+5%,+1MiB");
  ASSERT_TRUE(gate.ok());
  EXPECT_EQ(gate->metric, "inuse_space");
  EXPECT_DOUBLE_EQ(gate->share, 0.05);
  EXPECT_DOUBLE_EQ(gate->floor, 1 << 20);
  EXPECT_DOUBLE_EQ(parseGate("inuse_objects:+1000,+2.5%")->floor, 1000);
  for (const char* wrong : {"inuse_space:+5%", "inuse_space:+1MiB", "inuse_space", ":+5%,+1", "a:5%,+1",
                            "a:+5%,+1x", "a:+5%,+5%", "a:+%,+1", "a:-5%,+1"}) {
    const auto parsed = parseGate(wrong);
    EXPECT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(std::string(parsed.status().message()), testing::HasSubstr("+5%,+1MiB"));
  }
}

GateState stateOf(double base, double now, double error, const char* gate) {
  model::Query query = dumpOf(1, {{"f", now}}, error * error);
  query.baseline = dumpOf(0, {{"f", base}}, 0).snapshot;
  query.baselineMode = model::BaselineMode::kBase;
  const auto result = checkGate(*parseGate(gate), query, 2);
  EXPECT_TRUE(result.ok()) << result.status();
  return result->state;
}

TEST(Gates, NeedBothFloorsExceededAndMoreThanSamplingError) {
  constexpr const char* kGate = "inuse_space:+10%,+1k";
  EXPECT_EQ(stateOf(100000, 100000, 100, kGate), GateState::kOk);
  EXPECT_EQ(stateOf(100000, 109000, 100, kGate), GateState::kOk) << "below the share";
  EXPECT_EQ(stateOf(1000, 1900, 10, kGate), GateState::kOk) << "below the floor in bytes";
  EXPECT_EQ(stateOf(100000, 120000, 100, kGate), GateState::kTripped);
  EXPECT_EQ(stateOf(100000, 120000, 15000, kGate), GateState::kInconclusive)
      << "the change is within its error";
  EXPECT_EQ(stateOf(100000, 101000, 15000, kGate), GateState::kInconclusive) << "the error hides the limit";
  EXPECT_EQ(stateOf(100000, 60000, 15000, kGate), GateState::kOk) << "it fell by more than the error";
}

TEST(Gates, OfCountedTotalsHaveNoErrorAndMissingOnesAreSaid) {
  SnapshotMaker base, now;
  base.heap().mutable_totals()->set_kernel_rss_bytes(100 << 20);
  now.heap().mutable_totals()->set_kernel_rss_bytes(120 << 20);
  model::Query query;
  query.snapshot = now.make();
  query.baseline = base.make();
  EXPECT_EQ(checkGate(*parseGate("rss:+5%,+1MiB"), query, 2)->state, GateState::kTripped);
  EXPECT_EQ(checkGate(*parseGate("rss:+25%,+1MiB"), query, 2)->state, GateState::kOk);
  const auto missing = checkGate(*parseGate("dirty:+5%,+1MiB"), query, 2);
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("holds no dirty"));
}

}  // namespace
}  // namespace heapprof::analysis
