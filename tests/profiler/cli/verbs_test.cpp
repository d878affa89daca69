// Every row of the verb table keeps its word: help, an example that parses, formats that exist.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "CLI/CLI.hpp"

#include "profiler/cli/arguments.h"
#include "profiler/cli/verb.h"
#include "profiler/report/document.h"

namespace heapprof::cli {
namespace {

// As a shell would; quotes are not used in examples.
std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

TEST(Verbs, HaveNamesOfTheirOwnAndOneLineEach) {
  std::set<std::string> names;
  for (const Verb& verb : verbs()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name << " twice";
    EXPECT_NE(std::string(verb.summary), "");
    EXPECT_LE(std::string(verb.summary).size(), 66u)
        << verb.name << ": does not fit a terminal of 80 columns";
    EXPECT_THAT(verb.exitCodes, testing::HasSubstr("2")) << verb.name;
    EXPECT_NE(verb.run, nullptr);
  }
}

TEST(Verbs, EachExampleParses) {
  for (const Verb& verb : verbs()) {
    SCOPED_TRACE(verb.name);
    std::vector<std::string> example = words(verb.example);
    ASSERT_GE(example.size(), 3u);
    EXPECT_EQ(example[0], "heapprof");
    EXPECT_EQ(example[1], verb.name);
    CLI::App app(verb.summary, verb.name);
    FlagSet flags(app);
    verb.addFlags(flags);
    std::vector<std::string> arguments = normalizedArguments({example.begin() + 2, example.end()}, app);
    std::reverse(arguments.begin(), arguments.end());
    EXPECT_NO_THROW(app.parse(arguments));
  }
}

TEST(Verbs, EachOptionSaysWhatItDoes) {
  for (const Verb& verb : verbs()) {
    CLI::App app(verb.summary, verb.name);
    FlagSet flags(app);
    verb.addFlags(flags);
    for (const CLI::Option* option : app.get_options()) {
      EXPECT_NE(option->get_description(), "") << verb.name << " " << option->get_name();
    }
  }
}

TEST(Verbs, FormatsAreThoseThatCanBeWritten) {
  std::set<std::string> known;
  for (const report::Emitter& emitter : report::emitters()) known.insert(emitter.name);
  for (const Verb& verb : verbs()) {
    if (verb.group == Group::kConvert) continue;  // other tools' formats, not a document's
    std::istringstream formats(verb.formats);
    for (std::string format; std::getline(formats, format, ',');)
      EXPECT_TRUE(known.contains(format)) << verb.name;
  }
}

TEST(NormalizedArguments, DoublesTheDashOfKnownLongNamesOnly) {
  CLI::App app("", "");
  std::string value;
  bool flag = false;
  app.add_option("--focus", value);
  app.add_flag("--cum", flag);
  app.add_option("-o,--output", value);
  EXPECT_THAT(
      normalizedArguments({"-focus=x", "-cum", "-o", "f", "-unknown", "--focus=y", "--", "-cum"}, app),
      testing::ElementsAre("--focus=x", "--cum", "-o", "f", "-unknown", "--focus=y", "--", "-cum"));
}

TEST(Nearest, FindsASlipAndNotAnotherWord) {
  const std::vector<std::string> known{"summary", "top", "diff", "info"};
  EXPECT_EQ(nearest("sumary", known), "summary");
  EXPECT_EQ(nearest("tpo", known), "top");
  EXPECT_EQ(nearest("dif", known), "diff");
  EXPECT_EQ(nearest("fragmentation", known), "");
}

}  // namespace
}  // namespace heapprof::cli
