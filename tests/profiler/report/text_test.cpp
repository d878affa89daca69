// Aligned text, and the choice of a format.
#include "profiler/report/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profiler/model/columns.h"
#include "profiler/report/document.h"

namespace heapprof::report {
namespace {

TEST(FittedTo, BreaksBetweenWordsBelowWhereTheLastCellBegan) {
  EXPECT_EQ(fittedTo(30, "  what   12kB  because one two three four\n"),
            "  what   12kB  because one two\n"
            "               three four\n");
  EXPECT_EQ(fittedTo(20, "  note: one two three four\n"), "  note: one two\n    three four\n");
}

TEST(FittedTo, LeavesFiguresCommandsAndWhatFits) {
  for (const char* line :
       {"fits\n", "     $ heapprof frag /a/long/path/to/a.pb.gz more\n",
        "1kB   2kB   3kB   4kB   5kB   6kB\n", "\n", "one-word-that-is-longer-than-the-line\n"}) {
    EXPECT_EQ(fittedTo(20, line), line);
  }
}

TEST(Aligned, CountsCharactersAndLeavesNoBlanksAtTheEnd) {
  EXPECT_EQ(aligned({{"a", "1"}, {"±é", "100"}, {"abc", ""}}, {Align::kLeft, Align::kRight}),
            "a      1\n"
            "±é   100\n"
            "abc\n");
}

TEST(Aligned, IndentsEachLine) {
  EXPECT_EQ(aligned({{"x"}, {"y"}}, {Align::kLeft}, "  "), "  x\n  y\n");
}

TEST(TableText, WritesUnknownAsAWordAndStacksInOneLine) {
  model::Table table;
  table.title = "T";
  model::Column bytes = model::numberColumn("b", "Bytes", model::Unit::kBytes, "");
  addKnown(bytes, 2048);
  addUnknown(bytes);
  model::Column stack = model::textColumn("s", "Stack", "");
  stack.texts = {"leaf\nmain", "x"};
  table.columns = {bytes, stack};
  EXPECT_EQ(tableText(table),
            "T\n"
            "  Bytes  Stack\n"
            "    2kB  leaf < main\n"
            "unknown  x\n");
}

TEST(Emit, UsesAVerbsOwnTextAndTheGenericListingElsewhere) {
  Document document;
  document.facts = {textFact("a", "Alpha", "x"), numberFact("b", "Beta", model::Unit::kBytes, absl::nullopt)};
  EXPECT_EQ(*emit("text", document), "Alpha  x\nBeta   unknown\n");
  document.text = [] { return std::string("own\n"); };
  EXPECT_EQ(*emit("text", document), "own\n");
}

TEST(Emit, RefusesAFormatByNamingThoseThatThereAre) {
  const absl::Status status = emit("xml", Document()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const Emitter& emitter : emitters())
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(emitter.name));
}

}  // namespace
}  // namespace heapprof::report
