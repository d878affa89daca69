// The command itself, as a process: exit codes, one line for what is wrong, data on stdout and the rest on
// stderr.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "formats/pprof/write_profile.h"
#include "profiler/cli/verb.h"
#include "tests/profiler/cli/done.h"
#include "tests/profiler/support/laid_heap.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Command : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / absl::StrCat("heapprof-cli.", ::getpid());
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(formats::writeProfile(test::wildColumns(4), path("a.pb.gz")).ok());
    ASSERT_TRUE(formats::writeProfile(test::wildColumns(6), path("b.pb.gz")).ok());
    test::LaidHeap heap;
    heap.slabs.assign(20, {{"kept", "kept", "held"}});
    test::SnapshotMaker dump = heap.dump(1, 1);
    ASSERT_TRUE(formats::writeProfile(dump.columns, path("heap.pb.gz")).ok());
    dump.heap().mutable_header()->set_dump_time_nanos(1000000000);
    ASSERT_TRUE(formats::writeProfile(dump.columns, path("later.pb.gz")).ok());
    heapprof::Timeline& timeline = *dump.heap().mutable_timeline();
    for (std::uint64_t second = 1; second <= 100; ++second) {
      timeline.add_time_nanos(second * 1000000000);
      timeline.add_rss_bytes((second == 70 ? 400 : second) << 20);
    }
    timeline.add_mark_time_nanos(50500000000);
    timeline.add_mark_name(dump.heapText("reload"));
    ASSERT_TRUE(formats::writeProfile(dump.columns, path("timed.pb.gz")).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::string contents(const std::string& name) const { return contentsOf(path(name)); }
  Done run(const std::string& arguments) const {
    return runIn(folder_, absl::StrCat(HEAPPROF_CLI, " ", arguments));
  }
  void expectRefused(const std::string& arguments, const std::string& part) const {
    SCOPED_TRACE(arguments);
    expectRefusal(run(arguments), part);
  }

  std::filesystem::path folder_;
};

// What a verb wants besides its name: one file, or two where it compares; with pages where it asks for them.
std::string filesFor(const Verb& verb) {
  static const std::map<std::string, std::string> kOwn = {
      {"frag", "heap.pb.gz"},
      {"map", "heap.pb.gz"},
      {"list", "main a.pb.gz"},
      {"peek", "main a.pb.gz"},
      {"purge", "heap.pb.gz"},
      {"timeline", "timed.pb.gz"},
      {"sizes", "heap.pb.gz"},
      {"cost", "heap.pb.gz --price 4.2/GiB-month"},
      {"trend", "heap.pb.gz later.pb.gz"},
      {"flame", "a.pb.gz -o a.svg"},
      {"convert", "a.pb.gz --to collapsed"},
      {"export", "a.pb.gz --to sql -o tables"},
      {"merge", "a.pb.gz b.pb.gz -o merged.pb.gz"},
      {"check", "later.pb.gz --base heap.pb.gz --fail-on inuse_space:+5%,+1MiB"}};
  const auto own = kOwn.find(verb.name);
  if (own != kOwn.end()) return own->second;
  return verb.group == Group::kCompare ? "a.pb.gz b.pb.gz" : "a.pb.gz";
}

// The same with files that are not there.
std::string missingFor(const Verb& verb) {
  std::vector<std::string> words = absl::StrSplit(filesFor(verb), ' ');
  for (std::string& word : words) {
    if (absl::EndsWith(word, ".pb.gz") && word != "merged.pb.gz") word = "none.pb.gz";
  }
  return absl::StrJoin(words, " ");
}

TEST_F(Command, HelpOfEachVerbShowsExampleFormatsAndExitCodes) {
  const Done all = run("--help");
  EXPECT_EQ(all.status, 0);
  for (const Verb& verb : verbs()) {
    EXPECT_THAT(all.out, HasSubstr(absl::StrCat("  ", verb.name, " ")));
    for (const char* flag : {"--help", "-h"}) {
      const Done help = run(absl::StrCat(verb.name, " ", flag));
      EXPECT_EQ(help.status, 0) << verb.name;
      EXPECT_EQ(help.err, "");
      EXPECT_THAT(help.out, HasSubstr(verb.example));
      EXPECT_THAT(help.out, HasSubstr(verb.exitCodes));
      EXPECT_THAT(help.out, HasSubstr(verb.formats));
    }
  }
}

TEST_F(Command, EveryVerbRefusesAFlagItDoesNotKnowAndAFileThatIsNotThere) {
  for (const Verb& verb : verbs()) {
    if (verb.group == Group::kRecord || verb.group == Group::kBeside) continue;
    expectRefused(absl::StrCat(verb.name, " --no_such_flag ", filesFor(verb)), "--no_such_flag");
    expectRefused(absl::StrCat(verb.name, " ", missingFor(verb)), "none.pb.gz");
    expectRefused(verb.name, "");
  }
}

TEST_F(Command, EveryFormatOfEachVerbIsWrittenAndAnyOtherRefusedBeforeReading) {
  for (const Verb& verb : verbs()) {
    if (verb.group == Group::kRecord || verb.group == Group::kConvert || verb.group == Group::kBeside)
      continue;
    for (const absl::string_view format : absl::StrSplit(verb.formats, ',')) {
      SCOPED_TRACE(absl::StrCat(verb.name, " ", format));
      const Done done = run(absl::StrCat(verb.name, " --format ", format, " ", filesFor(verb)));
      EXPECT_EQ(done.status, 0) << done.err;
      EXPECT_NE(done.out, "");
      if (format == "json") {
        EXPECT_THAT(done.out, StartsWith("{"));
      }
    }
    expectRefused(absl::StrCat(verb.name, " --format xml ", filesFor(verb)), "xml");
  }
}

TEST_F(Command, WhatIsMissingIsShownInAnExample) {
  expectRefused("list a.pb.gz", "for example: heapprof list ");
  expectRefused("check a.pb.gz", "--fail-on inuse_space:+5%");
}

TEST_F(Command, AMapAgainstABaseShowsTheChange) {
  EXPECT_THAT(run("map later.pb.gz --base heap.pb.gz").out, HasSubstr("live bytes against the base"));
  EXPECT_THAT(run("map later.pb.gz --base heap.pb.gz --by live").out, HasSubstr("how full of live objects"));
}

TEST_F(Command, PurgeSaysFirstWhetherItPaid) {
  const std::vector<std::string> lines = absl::StrSplit(run("purge heap.pb.gz").out, '\n');
  EXPECT_THAT(lines[0], HasSubstr("whether purging paid is unknown"));
}

TEST_F(Command, PurgeAgainstABaseSaysWhatChanged) {
  EXPECT_THAT(run("purge later.pb.gz --base heap.pb.gz").out, HasSubstr("later.pb.gz against heap.pb.gz ("));
  EXPECT_THAT(run("purge later.pb.gz --base heap.pb.gz --format json").out, HasSubstr("base_returned"));
  EXPECT_EQ(run("purge later.pb.gz --base no.pb.gz").status, 2);
}

TEST_F(Command, BadValuesAreOneLineThatNamesTheFlag) {
  expectRefused("top -focus='a(' a.pb.gz", "-focus=a(");
  expectRefused("top -tagfocus='k=[' a.pb.gz", "-tagfocus");
  expectRefused("top -nodecount=many a.pb.gz", "nodecount");
  expectRefused("top -nodefraction=half a.pb.gz", "nodefraction");
  expectRefused("top -divide_by=0 a.pb.gz", "-divide_by");
  expectRefused("top -sample_index=speed a.pb.gz", "inuse_space");
  expectRefused("top -cum -flat a.pb.gz", "-cum");
  expectRefused("top -lines -files a.pb.gz", "-lines");
  expectRefused("top -base a.pb.gz -diff_base a.pb.gz b.pb.gz", "-diff_base");
  expectRefused("top -symbolize=remote a.pb.gz", "symbolize");
  expectRefused("top a.pb.gz extra.pb.gz", "extra.pb.gz");
  expectRefused("diff a.pb.gz", "NEW");
  expectRefused("top --table top a.pb.gz", "--table");
  expectRefused("top --format csv --table no_such a.pb.gz", "use one of top, facts");
  expectRefused("convert a.pb.gz", "--to");
  expectRefused("convert a.pb.gz --to svg", "svg");
  expectRefused("convert a.pb.gz --to pprof", "-o FILE");
  expectRefused("convert a.pb.gz --to pprof -o x.pb.gz -focus=a", "takes no filter");
  expectRefused("convert a.pb.gz --to csv -o no_such_folder/x.csv", "no_such_folder/x.csv");
  expectRefused("merge a.pb.gz", "--output");
  expectRefused("flame a.pb.gz -o a.png", "name it .svg or .html");
  expectRefused("help nonsense", "help takes a verb");
  expectRefused("help --completion tcsh", "bash, zsh and fish");
  expectRefused("help --man /proc/none", "/proc/none");
}

TEST_F(Command, ChecksExitWithTheirAnswerAndBothReportsSayTheSame) {
  test::LaidHeap grown;
  grown.slabs.assign(200, {{"kept", "held"}});
  ASSERT_TRUE(formats::writeProfile(grown.dump(1, 1).columns, path("grown.pb.gz")).ok());
  ASSERT_TRUE(formats::writeProfile(grown.dump(40000, 1).columns, path("vague.pb.gz")).ok());
  const std::string gate = " --base heap.pb.gz --fail-on inuse_space:+5%,+1k --junit j.xml --sarif s.json";
  EXPECT_EQ(run("check heap.pb.gz" + gate).status, 0);
  EXPECT_THAT(contents("j.xml"), HasSubstr("failures=\"0\" errors=\"0\""));
  const Done tripped = run("check grown.pb.gz" + gate);
  EXPECT_EQ(tripped.status, 1) << tripped.err;
  EXPECT_THAT(tripped.out, HasSubstr("TRIPPED"));
  EXPECT_THAT(tripped.out, HasSubstr("kept"));
  EXPECT_THAT(contents("j.xml"), HasSubstr("<failure type=\"tripped\""));
  EXPECT_THAT(contents("s.json"), HasSubstr("\"level\": \"error\""));
  EXPECT_THAT(contents("s.json"), HasSubstr("\"uri\": \"held.cpp\""));
  const Done vague = run("check vague.pb.gz --sigma 10" + gate);
  EXPECT_EQ(vague.status, 3) << vague.out << vague.err;
  EXPECT_THAT(contents("j.xml"), HasSubstr("<error type=\"inconclusive\""));
  EXPECT_THAT(contents("s.json"), HasSubstr("\"kind\": \"review\""));
  expectRefused("check heap.pb.gz --base heap.pb.gz --fail-on inuse_space:+5%", "both floors");
  expectRefused("check heap.pb.gz --base heap.pb.gz --fail-on speed:+5%,+1", "holds no speed");
  expectRefused("cost heap.pb.gz --price cheap", "4.2/GiB-month");
}

TEST_F(Command, ATimelineShowsItsPeakItsMarksInPlaceAndRefusesADumpWithoutOne) {
  const Done done = run("timeline timed.pb.gz --nodecount 4");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("RSS  1MB  ->  100MB  peak  400MB  at 1:10\n"));
  EXPECT_THAT(done.out,
              HasSubstr("not recorded, so unknown: Live, Dirty (free), Purged, On huge pages, Allocated"));
  // Four lines at even distances, the peak though it is between them, the mark before the line after it.
  EXPECT_THAT(done.out,
              testing::ContainsRegex("0:34 [^\n]*\n  -- 0:50  reload\n *1:07 [^\n]*\n *1:10 +400MB  "
                                     "#+ peak\n *1:40 "));
  EXPECT_THAT(done.out, HasSubstr("95 rows between (--nodecount=0 shows all)"));
  const Done all = run("timeline timed.pb.gz --nodecount 0");
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '#') > 100, true);
  EXPECT_THAT(all.out, testing::Not(HasSubstr("rows between")));
  EXPECT_THAT(run("timeline timed.pb.gz --format csv --table marks").out, HasSubstr("50500000000,reload"));
  expectRefused("timeline heap.pb.gz", "heap.pb.gz: holds no timeline");
  expectRefused("timeline a.pb.gz", "HEAPPROF=...,timeline=1s");
}

TEST_F(Command, ATrendLeavesOutABrokenFileAndSaysSo) {
  std::ofstream(path("broken.pb.gz")) << "not a dump";
  const Done done = run("trend heap.pb.gz broken.pb.gz later.pb.gz");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("left out: broken.pb.gz"));
  EXPECT_THAT(done.out, HasSubstr("2 dumps over 1s"));
}

TEST_F(Command, AVerbThatDoesNotExistIsAnsweredWithTheNearest) {
  expectRefused("sumary a.pb.gz", "did you mean summary?");
  expectRefused("xyzzyplugh", "heapprof --help lists them");
}

TEST_F(Command, OneDashAndTwoAreTheSame) {
  EXPECT_EQ(run("top -cum -focus=cache a.pb.gz").out, run("top --cum --focus=cache a.pb.gz").out);
  EXPECT_NE(run("top -cum a.pb.gz").out, run("top a.pb.gz").out);
}

TEST_F(Command, NotesOfTextGoToStderrAndThoseOfJsonIntoIt) {
  const Done text = run("top -focus=nothing_at_all a.pb.gz");
  EXPECT_EQ(text.status, 0);
  EXPECT_THAT(text.err, HasSubstr("Focus expression matched no samples"));
  const Done json = run("top -focus=nothing_at_all --format json a.pb.gz");
  EXPECT_EQ(json.err, "");
  EXPECT_THAT(json.out, HasSubstr("Focus expression matched no samples"));
}

TEST_F(Command, AClosedPipeIsNotAFailure) {
  const int status =
      std::system(absl::StrCat("cd ", folder_.string(), " && bash -c 'set -o pipefail; ", HEAPPROF_CLI,
                               " top --format json a.pb.gz 2>err | head -c 1 >out'")
                      .c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << contents("err");
}

TEST_F(Command, AFullDiskIsOneLineAndExitTwo) {
  const int status = std::system(
      absl::StrCat("cd ", folder_.string(), " && ", HEAPPROF_CLI, " top a.pb.gz >/dev/full 2>err").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_THAT(contents("err"), HasSubstr("standard output: No space left on device"));
}

TEST_F(Command, SymbolizeKeepsAllThatTheFileHolds) {
  test::SnapshotMaker maker;
  maker.sample(maker.stack({"f"}), {1, 2});
  maker.heap().mutable_totals()->set_kernel_rss_bytes(4711);
  ASSERT_TRUE(formats::writeProfile(maker.columns, path("c.pb.gz")).ok());
  const Done done = run("symbolize c.pb.gz");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "c.symbolized.pb.gz\n");
  EXPECT_EQ(run("top c.pb.gz").out, run("top c.symbolized.pb.gz").out);
  EXPECT_THAT(run("summary --format json c.symbolized.pb.gz").out, HasSubstr("4711"));
}

TEST_F(Command, SymbolizeShowsAsMuchOfANameAsIsAskedFor) {
  test::SnapshotMaker maker;
  maker.sample(maker.stack({"std::vector<std::pair<int, char> >::push_back", "main"}), {1, 2});
  ASSERT_TRUE(formats::writeProfile(maker.columns, path("names.pb.gz")).ok());
  ASSERT_EQ(run("symbolize names.pb.gz --demangle templates -o templates.pb.gz").status, 0);
  EXPECT_THAT(run("top templates.pb.gz").out, HasSubstr(" std::vector::push_back\n"));
  ASSERT_EQ(run("symbolize names.pb.gz --demangle short -o short.pb.gz").status, 0);
  EXPECT_THAT(run("top short.pb.gz").out, HasSubstr(" vector::push_back\n"));
  EXPECT_EQ(run("top -cum short.pb.gz").out.find("pair"), std::string::npos);
  expectRefused("symbolize names.pb.gz --demangle little", "--demangle");
  // Stack verbs take the same, and leave the file as it is.
  EXPECT_THAT(run("top --demangle templates names.pb.gz").out, HasSubstr(" std::vector::push_back\n"));
  EXPECT_THAT(run("traces --demangle short names.pb.gz").out, HasSubstr(" vector::push_back\n"));
  EXPECT_THAT(run("top names.pb.gz").out, HasSubstr("std::pair<int, char>"));
}

TEST_F(Command, ListShowsTheSourceThatIsFoundAndSaysWhatIsNot) {
  std::filesystem::create_directories(path("below/it"));
  std::ofstream(path("here.cpp")) << "one\ntwo\n\tthree\n";
  test::SnapshotMaker maker;
  maker.sample({maker.location({{"found", "here.cpp", 2}})}, {1, 4096});
  maker.sample({maker.location({{"missing", "nowhere.cpp", 7}})}, {1, 1024});
  maker.sample({maker.location({{"placeless", "", 0}})}, {1, 1024});
  ASSERT_TRUE(formats::writeProfile(maker.columns, path("below/it/l.pb.gz")).ok());
  const std::string listing =
      "ROUTINE ======================== found in here.cpp\n"
      "       4kB        4kB (flat, cum) 66.67% of Total\n"
      "         .          .      1:one\n"
      "       4kB        4kB      2:two\n"
      "         .          .      3:\tthree\n";
  // In a parent of the working folder, or where it is said to be.
  EXPECT_EQ(run("list found below/it/l.pb.gz --source_path below/it").out, "Total: 6kB\n" + listing);
  const Done all = run("list . below/it/l.pb.gz");
  EXPECT_THAT(all.out, HasSubstr(listing));
  EXPECT_THAT(all.out, HasSubstr(" Error: could not find file nowhere.cpp on path "));
  EXPECT_THAT(all.out, HasSubstr("No source information for placeless\n"));
  EXPECT_THAT(run("list found --format csv below/it/l.pb.gz").out, HasSubstr("found,here.cpp,2,4096,"));
  expectRefused("list nothing_like_it below/it/l.pb.gz", "no function matches");
}

}  // namespace
}  // namespace heapprof::cli
