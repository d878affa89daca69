// csv, tsv, md and html, each read back by a slow reader of its grammar: the cells of the table and no
// others.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/document.h"
#include "profiler/report/utf8.h"
#include "profiler/report/xml.h"
#include "tests/profiler/report/wild_table.h"

namespace heapprof::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// RFC 4180, character by character.
Rows readCsv(const std::string& text) {
  Rows rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      cell += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || c == '\n')) {
      row.push_back(std::move(cell));
      cell.clear();
      if (c == ',') continue;
      rows.push_back(std::move(row));
      row.clear();
    } else {
      cell += c;
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_TRUE(cell.empty() && row.empty()) << "the last row has no end";
  return rows;
}

Rows readTsv(const std::string& text) {
  Rows rows;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    rows.emplace_back();
    for (absl::string_view cell : absl::StrSplit(line, '\t')) {
      std::string plain;
      for (std::size_t i = 0; i < cell.size(); ++i) {
        if (cell[i] != '\\') {
          plain += cell[i];
          continue;
        }
        const char mark = cell[++i];
        plain += mark == 't' ? '\t' : mark == 'n' ? '\n' : mark == 'r' ? '\r' : mark;
      }
      rows.back().push_back(plain);
    }
  }
  EXPECT_EQ(rows.back(), std::vector<std::string>{""}) << "the last row has no end";
  rows.pop_back();
  return rows;
}

// What the rows have to be, from the table itself.
Rows expected(const model::Table& table) {
  Rows rows(1);
  for (const model::Column& column : table.columns) {
    rows[0].push_back(column.id);
    if (!column.standardError.empty()) rows[0].push_back(column.id + "_stderr");
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    rows.emplace_back();
    for (const model::Column& column : table.columns) {
      const bool known = column.isKnown(row);
      rows.back().push_back(!known                              ? ""
                            : column.unit == model::Unit::kText ? madeUtf8(column.texts[row])
                                                                : exactCell(column, row));
      if (column.standardError.empty()) continue;
      const double error = column.standardError[row];
      rows.back().push_back(known && !std::isnan(error) ? absl::StrCat(error) : "");
    }
  }
  return rows;
}

TEST(Rows, ReadBackEveryCellWithItsErrorAndNothingForWhatIsUnknown) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Document document;
    document.tables = {test::randomTable(seed), test::randomTable(seed + 1000)};
    const Rows wanted = expected(document.tables[0]);
    EXPECT_EQ(readCsv(emitCsv(document)), wanted);
    EXPECT_EQ(readTsv(emitTsv(document)), wanted);
  }
}

TEST(Rows, WriteNumbersThatReadBackAsTheSame) {
  for (const double value :
       {0.0, 1.0, -1.0, 0.1, 1e-300, 1e300, 9007199254740991.0, -9007199254740993.5, 1.0 / 3}) {
    EXPECT_EQ(std::stod(exactNumber(value)), value);
  }
  EXPECT_EQ(exactNumber(9007199254740991.0), "9007199254740991");
  EXPECT_EQ(exactNumber(std::nan("")), "");
  EXPECT_EQ(exactNumber(HUGE_VAL), "");
}

TEST(Rows, AreTheFactsWhereThereIsNoTable) {
  Document document;
  document.facts = {textFact("a", "Alpha", "x,y"), numberFact("b", "Beta", model::Unit::kBytes, 5, 0.5),
                    numberFact("c", "Gamma", model::Unit::kCount, absl::nullopt)};
  EXPECT_EQ(emitCsv(document),
            "id,title,value,stderr,unit\n"
            "a,Alpha,\"x,y\",,text\n"
            "b,Beta,5,0.5,bytes\n"
            "c,Gamma,,,count\n");
}

TEST(ChooseTable, KeepsOneByItsIdAndNamesThoseThereAreOtherwise) {
  Document document;
  document.verb = "v";
  document.facts = {textFact("a", "Alpha", "x")};
  document.tables.resize(2);
  document.tables[0].id = "one";
  document.tables[1].id = "two";
  Document chosen = document;
  ASSERT_TRUE(chooseTable("two", &chosen).ok());
  ASSERT_EQ(chosen.tables.size(), 1u);
  EXPECT_EQ(chosen.tables[0].id, "two");
  chosen = document;
  ASSERT_TRUE(chooseTable("facts", &chosen).ok());
  EXPECT_EQ(chosen.tables[0].columns[2].texts, std::vector<std::string>{"x"});
  const absl::Status wrong = chooseTable("three", &document);
  EXPECT_THAT(std::string(wrong.message()), testing::HasSubstr("one, two, facts"));
}

// The cells of a line of a Markdown table; a bar after a backslash is text.
std::vector<std::string> markdownCells(absl::string_view line) {
  std::vector<std::string> cells;
  std::string cell;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\') {
      cell += line[++i];
    } else if (line[i] == '|') {
      cells.push_back(cell.substr(1, cell.size() - 2));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  EXPECT_EQ(cell, "") << line;
  return cells;
}

TEST(Markdown, HoldsEachRowInALineAndEachCellBetweenItsBars) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Document document;
    document.verb = "wild";
    document.tables = {test::randomTable(seed)};
    const model::Table& table = document.tables[0];
    std::vector<std::string> lines;
    for (absl::string_view line : absl::StrSplit(emitMarkdown(document), '\n')) {
      if (!line.empty() && line[0] == '|') lines.emplace_back(line);
    }
    ASSERT_EQ(lines.size(), table.rows() + 2) << "head, rule, rows";
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const std::vector<std::string> cells = markdownCells(lines[row + 2]);
      ASSERT_EQ(cells.size(), table.columns.size());
      for (std::size_t i = 0; i < cells.size(); ++i) {
        std::string wanted = madeUtf8(model::cellText(table.columns[i], row, true));
        wanted = absl::StrReplaceAll(wanted, {{"\n", "<br>"}});
        for (char& c : wanted) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        EXPECT_EQ(cells[i], wanted);
      }
    }
  }
}

TEST(Markdown, LetsNoNameStartMarkup) {
  Document document;
  document.facts = {textFact("a", "A", "std::vector<int>* `x` [y](z) a|b")};
  EXPECT_THAT(emitMarkdown(document), testing::HasSubstr("std::vector\\<int\\>\\* \\`x\\` \\[y\\](z) a\\|b"));
}

TEST(Html, EscapesNamesAndNeedsNothingFromElsewhere) {
  Document document;
  document.verb = "v";
  document.facts = {textFact("a", "A", "<script>alert(1)</script>")};
  model::Table table;
  table.id = "t";
  table.title = "\"T\" & <b>";
  table.columns = {model::textColumn("x", "<i>", "\"help\" & 'more'")};
  table.columns[0].texts = {"operator<<(std::ostream&)\nmain", "\xff"};
  document.tables = {table};
  document.notes = {"</body>"};
  const std::string page = emitHtml(document);
  EXPECT_THAT(page, testing::HasSubstr("operator&lt;&lt;(std::ostream&amp;)<br/>main"));
  EXPECT_THAT(page, testing::HasSubstr("title=\"&quot;help&quot; &amp; &apos;more&apos;\""));
  for (const char* never : {"<script", "<i>", "<b>", "src=", "href=", "url(", "@import", "http", "\xff"}) {
    EXPECT_THAT(page, testing::Not(testing::HasSubstr(never)));
  }
  EXPECT_EQ(page.find("</body>"), page.rfind("</body>"));
}

TEST(Html, ShowsTheSignAndTheColourOfAChangeAndTheWordUnknown) {
  Document document;
  model::Table table;
  table.columns = {model::numberColumn("c", "Change", model::Unit::kBytes, "", true)};
  for (const double value : {2048.0, -2048.0, 0.0}) addKnown(table.columns[0], value);
  addUnknown(table.columns[0]);
  document.tables = {table};
  const std::string page = emitHtml(document);
  EXPECT_THAT(page, testing::HasSubstr("<td class=\"n more\">+2kB</td>"));
  EXPECT_THAT(page, testing::HasSubstr("<td class=\"n less\">-2kB</td>"));
  EXPECT_THAT(page, testing::HasSubstr("<td class=\"n\">0</td>"));
  EXPECT_THAT(page, testing::HasSubstr("<td class=\"n u\">unknown</td>"));
}

}  // namespace
}  // namespace heapprof::report
