#include "runtime/config/options.h"

#include <algorithm>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>

namespace heapprof::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StrEq;

std::map<std::string, std::string> valuesOf(const Options& options) {
  std::map<std::string, std::string> values;
  forEachOption(
      options,
      [](void* all, const char* key, const char* value) {
        (*static_cast<std::map<std::string, std::string>*>(all))[key] = value;
      },
      &values);
  return values;
}

struct Parsed {
  Options options;
  int complaints;
  std::string lines;
};

Parsed parsed(const char* text, const char* executable = "program") {
  Parsed result;
  ::testing::internal::CaptureStderr();
  result.complaints = parse(text, executable, &result.options);
  result.lines = ::testing::internal::GetCapturedStderr();
  return result;
}

TEST(Options, UnsetEmptyAndZeroAreInactiveAndSilent) {
  for (const char* text : {static_cast<const char*>(nullptr), "", "0"}) {
    const Parsed p = parsed(text);
    EXPECT_FALSE(p.options.active);
    EXPECT_EQ(p.options.sampleBytes, 0u);
    EXPECT_FALSE(p.options.dump.atExit);
    EXPECT_EQ(p.complaints, 0);
    EXPECT_EQ(p.lines, "");
    // Most processes never run the parser.
    EXPECT_EQ(valuesOf(Options()), valuesOf(p.options));
    EXPECT_EQ(valuesOf(Options()).at("path"), p.options.path);
  }
}

TEST(Options, OneSamplesAt512KiBAndDumpsAtExit) {
  const Parsed p = parsed("1");
  EXPECT_TRUE(p.options.active);
  EXPECT_EQ(p.options.sampleBytes, 512u << 10);
  EXPECT_TRUE(p.options.dump.atExit);
  EXPECT_FALSE(p.options.dump.atTermination);
  EXPECT_EQ(p.options.dump.signal, 0);
  EXPECT_THAT(p.options.path, StrEq("heapprof.%e.%p.%n.pb.gz"));
  EXPECT_EQ(p.options.depth, 128u);
  EXPECT_EQ(p.options.recordsBytes, std::uint64_t{64} << 20);
  EXPECT_FALSE(p.options.hasSeed);
  EXPECT_TRUE(p.options.background);
  EXPECT_TRUE(p.options.log);
  EXPECT_EQ(p.lines, "");
}

TEST(Options, EveryKeyIsTaken) {
  const Parsed p = parsed(
      "sample=64k,dump=term+signal:USR2,path=/var/tmp/"
      "%e.gz,only=prog*,seed=0x10,depth=16,unwind=fp,records=1m,"
      "reserve=2g,background=0,log=off");
  EXPECT_EQ(p.complaints, 0) << p.lines;
  EXPECT_EQ(p.options.sampleBytes, 64u << 10);
  EXPECT_FALSE(p.options.dump.atExit);
  EXPECT_TRUE(p.options.dump.atTermination);
  EXPECT_EQ(p.options.dump.signal, SIGUSR2);
  EXPECT_THAT(p.options.path, StrEq("/var/tmp/%e.gz"));
  EXPECT_THAT(p.options.only, StrEq("prog*"));
  EXPECT_TRUE(p.options.hasSeed);
  EXPECT_EQ(p.options.seed, 16u);
  EXPECT_EQ(p.options.depth, 16u);
  EXPECT_EQ(p.options.unwinder, Unwinder::kFramePointer);
  EXPECT_EQ(p.options.recordsBytes, 1u << 20);
  EXPECT_EQ(p.options.reserveBytes, std::uint64_t{2} << 30);
  EXPECT_FALSE(p.options.background);
  EXPECT_FALSE(p.options.log);
}

TEST(Options, HugePagesAndTheLimitAreTaken) {
  EXPECT_EQ(parsed("1").options.thp, ThpMode::kAuto);
  EXPECT_EQ(parsed("1").options.limitBytes, 0u);
  EXPECT_EQ(parsed("thp=never,limit=3g").options.thp, ThpMode::kNever);
  EXPECT_EQ(parsed("thp=never,limit=3g").options.limitBytes, std::uint64_t{3} << 30);
  EXPECT_EQ(parsed("thp=always").options.thp, ThpMode::kAlways);
  const Parsed wrong = parsed("thp=sometimes");
  EXPECT_EQ(wrong.complaints, 1);
  EXPECT_THAT(wrong.lines, HasSubstr("thp=sometimes is not auto, never or always; using auto"));
}

TEST(Options, TriggersOnAClockAreTaken) {
  const Parsed p = parsed("dump=interval:5m+growth:64m+peak+near-limit:85%,keep=3");
  EXPECT_EQ(p.complaints, 0) << p.lines;
  EXPECT_EQ(p.options.dump.intervalSeconds, 300u);
  EXPECT_EQ(p.options.dump.growthBytes, 64u << 20);
  EXPECT_TRUE(p.options.dump.atPeak);
  EXPECT_EQ(p.options.dump.nearLimitPercent, 85u);
  EXPECT_EQ(p.options.keep, 3u);
  EXPECT_FALSE(p.options.dump.atExit);
  EXPECT_EQ(parsed("dump=near-limit").options.dump.nearLimitPercent, 90u);
  EXPECT_EQ(parsed("dump=interval:2h").options.dump.intervalSeconds, 7200u);
  EXPECT_EQ(parsed("dump=interval:7").options.dump.intervalSeconds, 7u);
}

TEST(Options, ControlIsOnByDefaultOrAPath) {
  EXPECT_TRUE(parsed("1").options.control.on);
  EXPECT_STREQ(parsed("1").options.control.path, "");
  EXPECT_FALSE(parsed("control=off").options.control.on);
  EXPECT_STREQ(parsed("control=/run/x.sock").options.control.path, "/run/x.sock");
  EXPECT_FALSE(parsed("sample=1,only=others").options.control.on);
  const std::string longest = "control=/" + std::string(kControlBytes - 2, 'x');
  EXPECT_EQ(parsed(longest.c_str()).complaints, 0);
  EXPECT_EQ(parsed((longest + "x").c_str()).complaints, 1);
}

TEST(Options, SampleWithoutDumpDumpsAtExit) {
  EXPECT_TRUE(parsed("sample=1").options.dump.atExit);
  EXPECT_FALSE(parsed("sample=1,dump=none").options.dump.atExit);
}

TEST(Options, ADumpWithoutSamplesHasToBeWrittenInSoManyWords) {
  EXPECT_TRUE(parsed("sample=0,dump=exit").options.dumpsWithoutSamples());
  EXPECT_TRUE(parsed("dump=term,sample=0").options.dumpsWithoutSamples());
  EXPECT_FALSE(parsed("sample=0").options.dumpsWithoutSamples());
  EXPECT_FALSE(parsed("sample=0,dump=later").options.dumpsWithoutSamples());
  EXPECT_FALSE(parsed("sample=64k,dump=exit").options.dumpsWithoutSamples());
  EXPECT_FALSE(parsed("sample=0,dump=exit,only=others").options.dumpsWithoutSamples());
}

TEST(Options, AWrongKeyIsNamedWithTheNearest) {
  const Parsed p = parsed("smaple=64k,depth=9");
  EXPECT_EQ(p.complaints, 1);
  EXPECT_THAT(p.lines, HasSubstr("\"smaple\""));
  EXPECT_THAT(p.lines, HasSubstr("\"sample\""));
  EXPECT_EQ(std::count(p.lines.begin(), p.lines.end(), '\n'), 1);
  EXPECT_TRUE(p.options.active);
  EXPECT_EQ(p.options.sampleBytes, 512u << 10);
  EXPECT_EQ(p.options.depth, 9u);
}

TEST(Options, AWrongValueIsNamedAndTheDefaultStands) {
  const std::map<std::string, std::string> cases = {
      {"sample=12q", "sample=12q"},
      {"dump=later", "dump=later"},
      {"seed=abc", "seed=abc"},
      {"depth=0", "depth=0"},
      {"depth=129", "depth=129"},
      {"unwind=magic", "unwind=magic"},
      {"records=", "records="},
      {"background=maybe", "background="},
      {"log=2", "log=2"},
      {"path=", "path="},
      {"dump=signal:SEGV", "signal:SEGV"},
      {"sample", "sample="},
      {"dump=interval", "dump=interval"},
      {"dump=interval:0s", "interval:0s"},
      {"dump=interval:9w", "interval:9w"},
      {"dump=interval:800000", "interval:800000"},
      {"dump=growth", "dump=growth"},
      {"dump=growth:1k", "growth:1k"},
      {"dump=near-limit:100%", "limit:100%"},
      {"dump=near-limit:%", "limit:%"},
      {"dump=peak:8m", "dump=peak:8m"},
      {"dump=exit+interval:", "exit+interval:"},
      {"keep=1001", "keep=1001"},
      {"keep=-1", "keep=-1"},
      {"control=maybe", "control=maybe"},
      {"control=/run/", "control=/run/"},
  };
  Options defaults;
  parse("1", "program", &defaults);
  for (const auto& [text, named] : cases) {
    const Parsed p = parsed(text.c_str());
    EXPECT_EQ(p.complaints, 1) << text;
    EXPECT_THAT(p.lines, HasSubstr(named)) << text;
    EXPECT_EQ(std::count(p.lines.begin(), p.lines.end(), '\n'), 1) << p.lines;
    EXPECT_TRUE(p.options.active);
    EXPECT_EQ(p.options.sampleBytes, defaults.sampleBytes);
    EXPECT_EQ(p.options.dump.atExit, defaults.dump.atExit);
    EXPECT_EQ(p.options.dump.signal, 0);
    EXPECT_EQ(p.options.depth, defaults.depth);
    EXPECT_EQ(p.options.unwinder, defaults.unwinder);
    EXPECT_EQ(p.options.recordsBytes, defaults.recordsBytes);
    EXPECT_EQ(p.options.log, defaults.log);
    EXPECT_FALSE(p.options.hasSeed);
    EXPECT_STREQ(p.options.path, defaults.path);
  }
}

TEST(Options, APathGetsAHint) {
  for (const char* text : {"/tmp/out.pb.gz", "out.pb.gz", "./x"}) {
    const Parsed p = parsed(text);
    EXPECT_EQ(p.complaints, 1);
    EXPECT_THAT(p.lines, HasSubstr(std::string("path=") + text));
    EXPECT_TRUE(p.options.active);
  }
}

TEST(Options, ATooLongPathIsRefusedNotCut) {
  const std::string text = "path=" + std::string(kPathBytes, 'x');
  const Parsed p = parsed(text.c_str());
  EXPECT_EQ(p.complaints, 1);
  EXPECT_THAT(p.options.path, StrEq("heapprof.%e.%p.%n.pb.gz"));
  const std::string longest = "path=" + std::string(kPathBytes - 1, 'x');
  EXPECT_EQ(parsed(longest.c_str()).complaints, 0);
}

TEST(Options, OtherExecutablesRunPlainAndSilent) {
  const Parsed p = parsed("sample=1,only=redis-server|python3*,nonsense=1", "sh");
  EXPECT_FALSE(p.options.active);
  EXPECT_EQ(p.options.sampleBytes, 0u);
  EXPECT_FALSE(p.options.dump.atExit);
  EXPECT_EQ(p.lines, "");
  EXPECT_TRUE(parsed("sample=1,only=redis-server|python3*", "python3.11").options.active);
}

TEST(Options, OnlyTakesTheNameAProgramWasCalledByAsWell) {
  Options options;
  EXPECT_EQ(parse("sample=1,only=redis-server", "redis-check-rdb", &options, "redis-server"), 0);
  EXPECT_TRUE(options.active);
  EXPECT_EQ(parse("sample=1,only=redis-server", "redis-check-rdb", &options, "redis-sentinel"), 0);
  EXPECT_FALSE(options.active);
  EXPECT_EQ(parse("sample=1,only=redis-check-rdb", "redis-check-rdb", &options, "redis-server"), 0);
  EXPECT_TRUE(options.active);
}

TEST(Options, HelpPrintsTheTableAndSamplesNothing) {
  const Parsed p = parsed("help");
  EXPECT_FALSE(p.options.active);
  EXPECT_EQ(p.complaints, 0);
  for (const char* key : {"sample", "dump", "path", "only", "seed", "depth", "unwind", "records", "reserve",
                          "background", "keep", "control", "log", "help"}) {
    EXPECT_THAT(p.lines, HasSubstr(std::string("\n  ") + key + " ")) << key;
  }
}

TEST(Options, ValuesInForceReadBackAsTheyWereWritten) {
  const auto values = [](const Options& options) {
    std::string all;
    forEachOption(
        options,
        [](void* context, const char* key, const char* value) {
          auto& text = *static_cast<std::string*>(context);
          if (*value != '\0') text += (text.empty() ? "" : ",") + std::string(key) + "=" + value;
        },
        &all);
    return all;
  };
  for (const char* text :
       {"1", "sample=1,dump=none", "dump=exit+interval:60s+growth:64m+peak+near-limit:90%,keep=7",
        "control=/run/x.sock", "control=0", "dump=exit+term+signal:40,seed=7,only=a|b*,unwind=libunwind",
        "sample=3000,records=5g,reserve=1t,background=0,log=0,depth=1,unwind=fp"}) {
    Options first;
    Options second;
    ASSERT_EQ(parse(text, "a", &first), 0);
    const std::string written = values(first);
    ASSERT_EQ(parse(written.c_str(), "a", &second), 0) << written;
    EXPECT_EQ(values(second), written);
  }
}

TEST(Options, EmptyItemsAreOverlooked) {
  const Parsed p = parsed(",sample=4k,,1,");
  EXPECT_EQ(p.complaints, 0);
  EXPECT_EQ(p.options.sampleBytes, 4096u);
}

}  // namespace
}  // namespace heapprof::config
