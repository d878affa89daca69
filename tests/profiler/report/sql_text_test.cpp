// Rows and schema as databases take them.
#include "profiler/report/sql_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profiler/model/columns.h"

namespace heapprof::report {
namespace {

using testing::HasSubstr;

model::Table oddTable() {
  model::Column name = model::textColumn("name", "Name", "what");
  model::Column size = model::numberColumn("size_bytes", "Size", model::Unit::kBytes, "how much");
  model::Column share = model::numberColumn("share", "Share", model::Unit::kFraction, "of all");
  for (const char* text : {"a\tb", "c\nd\\n", "\xff", ""}) name.texts.emplace_back(text);
  for (const double value : {1.0, 9007199254740992.0, 0.0}) model::addKnown(size, value);
  model::addUnknown(size);
  for (const double value : {0.1, 1e-9, -2.5}) model::addKnown(share, value);
  model::addUnknown(share);
  model::Table table;
  table.id = "odd";
  table.title = "Odd";
  table.columns = {name, size, share};
  return table;
}

TEST(SqlText, ARowIsALineAndWhatIsUnknownIsNull) {
  EXPECT_EQ(sqlRows(oddTable()),
            "a\\tb\t1\t0.1\nc\\nd\\\\n\t9007199254740992\t1e-09\n\xef\xbf\xbd\t0\t-2.5\n\t\\N\t\\N\n");
}

TEST(SqlText, TypesFollowUnits) {
  const std::vector<model::Table> tables{oddTable()};
  const std::string standard = sqlSchema(tables, SqlDialect::kStandard),
                    house = sqlSchema(tables, SqlDialect::kClickHouse);
  EXPECT_THAT(standard,
              HasSubstr("CREATE TABLE IF NOT EXISTS odd (\n  name TEXT NOT NULL,  -- what\n"
                        "  size_bytes BIGINT,  -- how much\n  share DOUBLE PRECISION  -- of all\n);"));
  EXPECT_THAT(house, HasSubstr("  size_bytes Nullable(Int64),"));
  EXPECT_THAT(house, HasSubstr("ENGINE = MergeTree()"));
  EXPECT_THAT(sqliteLoader(tables), HasSubstr("size_bytes = NULLIF(size_bytes, '\\N')"));
}

}  // namespace
}  // namespace heapprof::report
