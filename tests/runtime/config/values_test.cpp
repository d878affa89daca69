#include "runtime/config/values.h"

#include <algorithm>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

namespace heapprof::config {
namespace {

std::optional<std::uint64_t> bytes(const std::string& text) {
  std::uint64_t value = 0xdead;
  if (parseBytes({text.data(), text.size()}, &value)) return value;
  EXPECT_EQ(value, 0xdeadu) << "a refused text must not be stored";
  return std::nullopt;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  if (parseNumber({text.data(), text.size()}, &value)) return value;
  return std::nullopt;
}

TEST(Values, SizesTakeEverySuffix) {
  EXPECT_EQ(bytes("0"), 0u);
  EXPECT_EQ(bytes("1"), 1u);
  EXPECT_EQ(bytes("4096"), 4096u);
  EXPECT_EQ(bytes("17b"), 17u);
  for (const char* text : {"512k", "512K", "512kb", "512KB", "512KiB", "512kib"})
    EXPECT_EQ(bytes(text), 524288u) << text;
  for (const char* text : {"3m", "3M", "3MB", "3MiB"}) EXPECT_EQ(bytes(text), 3u << 20) << text;
  EXPECT_EQ(bytes("7g"), std::uint64_t{7} << 30);
  EXPECT_EQ(bytes("2t"), std::uint64_t{2} << 40);
  EXPECT_EQ(bytes("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(bytes("16777215t"), std::uint64_t{16777215} << 40);
}

TEST(Values, SizesThatAreNoneAreRefused) {
  for (const char* text : {"", "k", "-1", "+1", " 1", "1 ", "1.5m", "0x10", "12q", "1kk", "1kbb", "1ib",
                           "1kibs", "18446744073709551616", "16777216t", "99999999999999999999", "1k\t"}) {
    EXPECT_EQ(bytes(text), std::nullopt) << text;
  }
}

TEST(Values, NumbersAreDecimalOrHexadecimal) {
  EXPECT_EQ(number("42"), 42u);
  EXPECT_EQ(number("0x2A"), 42u);
  EXPECT_EQ(number("0xffffffffffffffff"), ~std::uint64_t{0});
  for (const char* text : {"", "0x", "0xg", "0x10000000000000000", "4 2", "-1"})
    EXPECT_EQ(number(text), std::nullopt);
}

TEST(Values, SignalsGoByNameOrNumber) {
  EXPECT_EQ(signalNumber(textOf("USR2")), SIGUSR2);
  EXPECT_EQ(signalNumber(textOf("SIGUSR1")), SIGUSR1);
  EXPECT_EQ(signalNumber(textOf("usr2")), SIGUSR2);
  EXPECT_EQ(signalNumber(textOf("12")), 12);
  EXPECT_EQ(signalNumber(textOf("40")), 40);
  for (const char* text : {"", "KILL", "9", "STOP", "SEGV", "11", "0", "33", "65", "USR3", "SIG"}) {
    EXPECT_EQ(signalNumber(textOf(text)), 0) << text;
  }
}

TEST(Values, TriggersJoin) {
  DumpTriggers triggers;
  ASSERT_TRUE(parseTriggers(textOf("exit+term+signal:USR2"), &triggers));
  EXPECT_TRUE(triggers.atExit);
  EXPECT_TRUE(triggers.atTermination);
  EXPECT_EQ(triggers.signal, SIGUSR2);
  ASSERT_TRUE(parseTriggers(textOf("none"), &triggers));
  EXPECT_FALSE(triggers.atExit || triggers.atTermination || triggers.signal != 0);
  for (const char* text :
       {"", "exit,term", "exit+", "+exit", "signal", "signal:", "signal:NOPE", "exit+none", "exits"}) {
    triggers = DumpTriggers();
    triggers.signal = 77;
    EXPECT_FALSE(parseTriggers(textOf(text), &triggers)) << text;
    EXPECT_EQ(triggers.signal, 77) << text;
  }
}

// The slow, obvious way.
bool matchesSlowly(const std::string& pattern, const std::string& name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (std::size_t i = 0; i <= name.size(); ++i) {
      if (matchesSlowly(pattern.substr(1), name.substr(i))) return true;
    }
    return false;
  }
  return !name.empty() && name[0] == pattern[0] && matchesSlowly(pattern.substr(1), name.substr(1));
}

TEST(Values, PatternsAgreeWithTheObviousMatcher) {
  std::vector<std::string> words = {""};
  for (std::size_t from = 0, length = 1; length <= 4; ++length) {
    const std::size_t to = words.size();
    for (std::size_t i = from; i < to; ++i) {
      for (char c : {'a', 'b', '*'}) words.push_back(words[i] + c);
    }
    from = to;
  }
  for (const std::string& pattern : words) {
    if (pattern.empty()) continue;
    for (const std::string& name : words) {
      if (name.find('*') != std::string::npos) continue;
      EXPECT_EQ(matchesAny(pattern.c_str(), name.c_str()), matchesSlowly(pattern, name))
          << pattern << " ~ " << name;
    }
  }
}

TEST(Values, PatternsAreAlternatives) {
  EXPECT_TRUE(matchesAny("", "anything"));
  EXPECT_TRUE(matchesAny("redis-server|python3*", "python3.11"));
  EXPECT_TRUE(matchesAny("redis-server|python3*", "redis-server"));
  EXPECT_FALSE(matchesAny("redis-server|python3*", "redis-cli"));
  EXPECT_FALSE(matchesAny("redis", "redis-server"));
  EXPECT_FALSE(matchesAny("|redis", "x"));
}

unsigned distanceSlowly(const std::string& a, const std::string& b) {
  if (a.empty()) return static_cast<unsigned>(b.size());
  if (b.empty()) return static_cast<unsigned>(a.size());
  const unsigned same = distanceSlowly(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({same, distanceSlowly(a.substr(1), b) + 1, distanceSlowly(a, b.substr(1)) + 1});
}

TEST(Values, EditDistanceAgreesWithItsDefinition) {
  const std::vector<std::string> words = {"",      "a",    "path",   "pth",    "paths",
                                          "depth", "seed", "sample", "smaple", "dmp"};
  for (const auto& a : words) {
    for (const auto& b : words)
      EXPECT_EQ(editDistance(textOf(a.c_str()), textOf(b.c_str())), distanceSlowly(a, b));
  }
}

TEST(Values, BytesAreWrittenInTheShortestExactForm) {
  const auto written = [](std::uint64_t value) { return std::string(Line().bytes(value).text()); };
  EXPECT_EQ(written(0), "0");
  EXPECT_EQ(written(1), "1");
  EXPECT_EQ(written(1023), "1023");
  EXPECT_EQ(written(512 << 10), "512k");
  EXPECT_EQ(written(1536), "1536");
  EXPECT_EQ(written(std::uint64_t{64} << 20), "64m");
  EXPECT_EQ(written(~std::uint64_t{0}), "18446744073709551615");
}

TEST(Values, ALineThatIsTooLongIsCutOff) {
  Line line;
  for (int i = 0; i < 1000; ++i) line << "0123456789";
  EXPECT_EQ(std::string(line.text()).size(), 1024u);
}

}  // namespace
}  // namespace heapprof::config
