// JSON read back by another library: every figure of the table, unknown as null, and nothing more.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "profiler/analysis/analyses.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"
#include "profiler/report/document.h"
#include "profiler/report/text.h"
#include "tests/profiler/report/wild_table.h"
#include "tests/profiler/support/snapshot_maker.h"

namespace heapprof::report {
namespace {

using model::Column;
using model::Table;
using model::Unit;
using Json = nlohmann::json;

TEST(Json, ReadsBackEveryCellAndNoFigureForWhatIsUnknown) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Document document;
    document.verb = "wild";
    document.tables = {test::randomTable(seed)};
    const Json root = Json::parse(emitJson(document));
    const Table& table = document.tables[0];
    const Json& rows = root["tables"]["wild"]["rows"];
    ASSERT_EQ(rows.size(), table.rows());
    EXPECT_EQ(root["tables"]["wild"]["columns"].size(), table.columns.size());
    for (std::size_t row = 0; row < table.rows(); ++row) {
      for (const Column& column : table.columns) {
        const Json& cell = rows[row].at(column.id);
        const bool hasError = column.isKnown(row) && row < column.standardError.size() &&
                              !std::isnan(column.standardError[row]);
        EXPECT_EQ(rows[row].contains(column.id + "_stderr"), hasError);
        if (hasError) EXPECT_EQ(rows[row][column.id + "_stderr"], column.standardError[row]);
        if (!column.isKnown(row)) {
          EXPECT_TRUE(cell.is_null());
        } else if (column.unit == Unit::kText) {
          EXPECT_TRUE(cell.is_string());
        } else if (column.unit == Unit::kAddress) {
          EXPECT_EQ(std::stoull(cell.get<std::string>(), nullptr, 16),
                    static_cast<std::uint64_t>(column.values[row]));
        } else {
          EXPECT_EQ(cell.get<double>(), column.values[row]);
        }
      }
    }
  }
}

TEST(Json, FactsWithoutAValueAreNullAndErrorsStandBeside) {
  Document document;
  document.verb = "v";
  document.facts = {textFact("name", "Name", "x"), numberFact("known", "Known", Unit::kBytes, 12, 3),
                    numberFact("unknown", "Unknown", Unit::kBytes, absl::nullopt),
                    numberFact("nan", "Nan", Unit::kBytes, std::nan(""))};
  const Json root = Json::parse(emitJson(document));
  EXPECT_EQ(root["heapprof"]["json_version"], 1);
  EXPECT_EQ(root["heapprof"]["verb"], "v");
  EXPECT_EQ(root["facts"]["known"], 12);
  EXPECT_EQ(root["facts"]["known_stderr"], 3);
  EXPECT_TRUE(root["facts"]["unknown"].is_null());
  EXPECT_TRUE(root["facts"]["nan"].is_null());
}

TEST(Json, IntegersToTwoToTheFiftyThirdAreWrittenAsIntegers) {
  Document document;
  document.facts = {numberFact("n", "N", Unit::kBytes, 9007199254740991.0)};
  EXPECT_THAT(emitJson(document), testing::HasSubstr("9007199254740991"));
}

TEST(Json, NamesThatAreNotUtf8AreMadeSo) {
  Document document;
  document.facts = {textFact("name", "Name", "caf\xe9")};
  EXPECT_EQ(Json::parse(emitJson(document))["facts"]["name"], "caf\xef\xbf\xbd");
}

// The same figures in text: each known cell of JSON, formatted, stands in the text in its row's place.
TEST(Json, HoldsTheFiguresThatTextShows) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    model::Query query;
    query.snapshot = test::wildSnapshot(seed);
    const analysis::TopResult result = *analysis::top(query);
    Document document;
    document.verb = "top";
    document.tables = {result.table};
    const Json root = Json::parse(emitJson(document));
    std::istringstream lines(emitText(document));
    std::string line;
    std::getline(lines, line);  // title
    std::getline(lines, line);  // head
    for (const Json& row : root["tables"]["top"]["rows"]) {
      ASSERT_TRUE(std::getline(lines, line));
      for (const char* id : {"flat", "cum"}) {
        EXPECT_THAT(line, testing::HasSubstr(model::bytesText(row[id].get<double>())));
      }
      EXPECT_THAT(line, testing::HasSubstr(row["name"].get<std::string>()));
    }
    EXPECT_FALSE(std::getline(lines, line)) << line;
  }
}

}  // namespace
}  // namespace heapprof::report
