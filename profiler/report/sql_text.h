// Tables for a database: its schema, rows that it loads, and the queries that answer the three jobs.
//
// Invariant: types come from the columns' units: bytes and counts are whole numbers, times and estimates
// floating ones, both NULL (\N) where unknown; texts are never NULL. One text of queries for all engines: no
// window functions, one join a query, so that a ClickHouse of 2018 and sqlite3 both answer them. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

#include "profiler/model/table.h"

namespace heapprof::report {

enum class SqlDialect { kStandard, kClickHouse };

// CREATE TABLE for each table, and how to load the rows, as comments.
std::string sqlSchema(absl::Span<const model::Table> tables, SqlDialect dialect);
// Commands of sqlite3's own shell that create and fill a database: it alone has no word for NULL in rows.
std::string sqliteLoader(absl::Span<const model::Table> tables);
// Queries, each under "-- name: what it answers".
std::string sqlQueries();
// Rows without a header: tabs between cells, \t, \n, \r and \\ in them.
std::string sqlRows(const model::Table& table);

}  // namespace heapprof::report
