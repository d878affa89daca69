#include "profiler/report/sql_text.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "profiler/report/cells.h"
#include "profiler/report/utf8.h"

namespace heapprof::report {
namespace {

using model::Unit;

const char* typeOf(const model::Column& column, SqlDialect dialect) {
  const bool standard = dialect == SqlDialect::kStandard;
  if (column.unit == Unit::kText) return standard ? "TEXT NOT NULL" : "String";
  // Zero by its invariant: when the dump was taken is never unknown, and engines sort by it.
  if (column.id == "dumped_unix_seconds") return standard ? "DOUBLE PRECISION NOT NULL" : "Float64";
  if (column.unit == Unit::kBytes || column.unit == Unit::kCount) {
    return standard ? "BIGINT" : "Nullable(Int64)";
  }
  return standard ? "DOUBLE PRECISION" : "Nullable(Float64)";
}

// The last dump of each process: what is held, pinned and purged is said of these alone.
#define LAST_DUMPS                                                              \
  "  INNER JOIN (SELECT process_id, MAX(dumped_unix_seconds) AS last_seconds\n" \
  "              FROM dumps GROUP BY process_id) AS span USING (process_id)\n"  \
  "WHERE dumped_unix_seconds = last_seconds\n"

// Of thousands of dumps growth needs but two a process.
#define FIRST_AND_LAST_DUMPS \
  "WHERE dumped_unix_seconds = first_seconds OR dumped_unix_seconds = last_seconds\n"

constexpr struct {
  const char* name;
  const char* answers;
  const char* text;
} kQueries[] = {
    {"leaks_by_stack", "what grows, from the first dump of each process to its last, by stack",
     "SELECT program, host, build_id, process_id, owner, stack_id,\n"
     "  SUM(CASE WHEN dumped_unix_seconds = first_seconds THEN inuse_bytes ELSE 0 END) AS first_bytes,\n"
     "  SUM(CASE WHEN dumped_unix_seconds = last_seconds THEN inuse_bytes ELSE 0 END) AS last_bytes,\n"
     "  SUM(CASE WHEN dumped_unix_seconds = last_seconds THEN inuse_bytes ELSE 0 END) -\n"
     "  SUM(CASE WHEN dumped_unix_seconds = first_seconds THEN inuse_bytes ELSE 0 END) AS grown_bytes\n"
     "FROM samples\n"
     "  INNER JOIN (SELECT process_id, MIN(dumped_unix_seconds) AS first_seconds,\n"
     "                     MAX(dumped_unix_seconds) AS last_seconds\n"
     "              FROM dumps GROUP BY process_id) AS span USING (process_id)\n" FIRST_AND_LAST_DUMPS
     "GROUP BY program, host, build_id, process_id, owner, stack_id\n"
     "ORDER BY grown_bytes DESC, stack_id, process_id"},
    {"leaks_by_build", "what a process of each build grows by on average, by owner",
     "SELECT program, build_id, owner, COUNT(DISTINCT process_id) AS processes,\n"
     "  (SUM(CASE WHEN dumped_unix_seconds = last_seconds THEN inuse_bytes ELSE 0 END) -\n"
     "   SUM(CASE WHEN dumped_unix_seconds = first_seconds THEN inuse_bytes ELSE 0 END)) * 1.0 /\n"
     "  COUNT(DISTINCT process_id) AS grown_bytes_per_process\n"
     "FROM samples\n"
     "  INNER JOIN (SELECT process_id, MIN(dumped_unix_seconds) AS first_seconds,\n"
     "                     MAX(dumped_unix_seconds) AS last_seconds\n"
     "              FROM dumps GROUP BY process_id) AS span USING (process_id)\n" FIRST_AND_LAST_DUMPS
     "GROUP BY program, build_id, owner\n"
     "ORDER BY grown_bytes_per_process DESC, program, build_id, owner"},
    {"top", "functions by what they hold now, over the fleet",
     "SELECT leaf, SUM(inuse_bytes) AS held_bytes, SUM(inuse_objects) AS held_objects,\n"
     "  SUM(inuse_variance_bytes2) AS variance_bytes2\n"
     "FROM samples\n" LAST_DUMPS "GROUP BY leaf\nORDER BY held_bytes DESC, leaf"},
    {"fragmentation", "who pins free memory now, by owner",
     "SELECT program, build_id, owner, SUM(pinned_bytes) AS pinned_total_bytes,\n"
     "  SUM(comes_back_bytes) AS comes_back_total_bytes, COUNT(DISTINCT process_id) AS processes\n"
     "FROM pins\n" LAST_DUMPS
     "GROUP BY program, build_id, owner\nORDER BY pinned_total_bytes DESC, owner, build_id"},
    {"fragmentation_by_class", "size classes by what their slabs hold free now",
     "SELECT program, build_id, class_bytes, SUM((capacity_objects - live_objects) * class_bytes) AS "
     "free_bytes\n"
     "FROM size_classes\n" LAST_DUMPS
     "GROUP BY program, build_id, class_bytes\nORDER BY free_bytes DESC, class_bytes, build_id"},
    {"purging", "what purging gave back, and what came back within ten seconds",
     "SELECT program, build_id, SUM(returned_bytes) AS returned_total_bytes,\n"
     "  SUM(refaulted_10s_bytes) AS refaulted_total_bytes,\n"
     "  SUM(huge_pages_broken) AS huge_pages_broken_total\n"
     "FROM purges\n" LAST_DUMPS "GROUP BY program, build_id\nORDER BY returned_total_bytes DESC, build_id"},
    {"fleet_over_time", "resident memory of each program and build by the hour",
     "SELECT program, build_id, floor(dumped_unix_seconds / 3600) * 3600 AS hour_unix_seconds,\n"
     "  COUNT(DISTINCT process_id) AS processes, AVG(kernel_rss_bytes) AS mean_rss_bytes,\n"
     "  MAX(kernel_rss_bytes) AS most_rss_bytes, AVG(live_bytes) AS mean_live_bytes\n"
     "FROM dumps\n"
     "GROUP BY program, build_id, floor(dumped_unix_seconds / 3600)\n"
     "ORDER BY program, build_id, hour_unix_seconds"},
};

}  // namespace

std::string sqlSchema(absl::Span<const model::Table> tables, SqlDialect dialect) {
  const bool standard = dialect == SqlDialect::kStandard;
  std::string out =
      "-- What a fleet's dumps hold, written by heapprof export. NULL: the dump does not say.\n"
      "-- A dump that is loaded twice counts twice: dumps.dump_id says which are there.\n";
  absl::StrAppend(
      &out, standard
                ? "-- PostgreSQL: psql -f schema.sql, then for each table: \\copy TABLE FROM 'TABLE.tsv'\n"
                  "-- sqlite3: sqlite3 fleet.db < load_sqlite.sql (this file and the rows)\n"
                : "-- clickhouse-client --multiquery < schema.sql, then for each table:\n"
                  "-- clickhouse-client --query 'INSERT INTO TABLE FORMAT TSV' < TABLE.tsv\n");
  for (const model::Table& table : tables) {
    absl::StrAppend(&out, "\n-- ", table.title, "\nCREATE TABLE IF NOT EXISTS ", table.id, " (\n");
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const model::Column& column = table.columns[i];
      absl::StrAppend(&out, "  ", column.id, " ", typeOf(column, dialect),
                      i + 1 < table.columns.size() ? "," : "", "  -- ", column.help, "\n");
    }
    absl::StrAppend(&out, standard ? ");\n" : ") ENGINE = MergeTree() ORDER BY (program, dump_id);\n");
  }
  return out;
}

std::string sqliteLoader(absl::Span<const model::Table> tables) {
  std::string out = ".read schema.sql\n.mode ascii\n.separator \"\\t\" \"\\n\"\nBEGIN;\n";
  for (const model::Table& table : tables) {
    absl::StrAppend(&out, ".import ", table.id, ".tsv ", table.id, "\n");
    std::string texts, numbers;
    for (const model::Column& column : table.columns) {
      if (column.unit == Unit::kText) {
        // Cells are as PostgreSQL and ClickHouse read them; \\ is the last to go.
        absl::StrAppend(&texts, texts.empty() ? "" : ", ", column.id, " = replace(replace(", column.id,
                        ", '\\n', char(10)), '\\\\', '\\')");
      } else {
        absl::StrAppend(&numbers, numbers.empty() ? "" : ", ", column.id, " = NULLIF(", column.id,
                        ", '\\N')");
      }
    }
    absl::StrAppend(&out, "UPDATE ", table.id, " SET ", texts, numbers.empty() ? "" : ", ", numbers, ";\n");
  }
  // sqlite3 joins by scanning one table for each row of the other where there is no index.
  for (const model::Table& table : tables) {
    if (table.find("process_id") == nullptr || table.find("dumped_unix_seconds") == nullptr) continue;
    absl::StrAppend(&out, "CREATE INDEX IF NOT EXISTS ", table.id, "_by_process ON ", table.id,
                    " (process_id, dumped_unix_seconds);\n");
  }
  return out + "COMMIT;\n";
}

std::string sqlQueries() {
  std::string out = "-- Questions to the tables of heapprof export; edit, and add your own WHERE.\n";
  for (const auto& query : kQueries) {
    absl::StrAppend(&out, "\n-- ", query.name, ": ", query.answers, "\n", query.text, ";\n");
  }
  return out;
}

namespace {

// Names are many and nearly all of them plain.
bool isPlain(absl::string_view text) {
  return absl::c_all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

void appendText(const std::string& text, std::string* out) {
  if (isPlain(text)) {
    out->append(text);
  } else {
    absl::StrAppend(out, absl::StrReplaceAll(madeUtf8(text),
                                             {{"\\", "\\\\"}, {"\t", "\\t"}, {"\n", "\\n"}, {"\r", "\\r"}}));
  }
}

}  // namespace

std::string sqlRows(const model::Table& table) {
  std::string out;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (const model::Column& column : table.columns) {
      if (&column != &table.columns.front()) out += '\t';
      if (column.unit == Unit::kText && column.isKnown(row)) {
        appendText(column.texts[row], &out);
      } else if (column.unit != Unit::kText) {
        const std::string cell = exactCell(column, row);
        absl::StrAppend(&out, cell.empty() ? "\\N" : cell);
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace heapprof::report
