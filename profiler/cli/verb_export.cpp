// `heapprof export FILE|FOLDER|@LIST... --to clickhouse|sql -o FOLDER`: a fleet's dumps as rows for a
// database.
#include <cerrno>
#include <cstdio>
#include <memory>
#include <sys/stat.h>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/output_file.h"
#include "profiler/analysis/fleet_tables.h"
#include "profiler/cli/dump_files.h"
#include "profiler/cli/output.h"
#include "profiler/cli/progress.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/sql_text.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
FleetFlags fleet;
std::vector<std::string> files;
std::string to, folder;

// One file of rows a table; memory goes with the number of different stacks, which are written once.
// Files appear together, when all of them are whole.
class Export {
 public:
  bool isKnown(absl::string_view stackId) const { return known_.contains(stackId); }

  absl::Status add(const std::vector<model::Table>& tables) {
    if (files_.empty() && mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder, ": the folder cannot be made; -o takes one in a folder that is there"));
    }
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (files_.size() == i) {
        files_.push_back(std::make_unique<formats::OutputFile>(pathOf(tables[i].id + ".tsv")));
        if (absl::Status status = files_[i]->open(formats::Compression::kNone); !status.ok()) return status;
        schema_.push_back(emptied(tables[i]));
      }
      const std::string rows = report::sqlRows(tables[i]);
      const wire::Sink sink = files_[i]->sink();
      sink.put(sink.context, rows.data(), rows.size());  // commit() says what went wrong
      if (tables[i].id == "stacks") rememberStacks(tables[i]);
    }
    return absl::OkStatus();
  }

  absl::Status finish(report::SqlDialect dialect) {
    for (const auto& file : files_) {
      if (absl::Status status = file->commit(); !status.ok()) return status;
    }
    absl::Status status = put("schema.sql", report::sqlSchema(schema_, dialect));
    if (status.ok()) status = put("queries.sql", report::sqlQueries());
    if (status.ok() && dialect == report::SqlDialect::kStandard) {
      status = put("load_sqlite.sql", report::sqliteLoader(schema_));
    }
    return status;
  }

 private:
  static std::string pathOf(const std::string& name) { return absl::StrCat(folder, "/", name); }

  static absl::Status put(const std::string& name, const std::string& text) {
    formats::OutputFile file(pathOf(name));
    if (absl::Status status = file.open(formats::Compression::kNone); !status.ok()) return status;
    const wire::Sink sink = file.sink();
    sink.put(sink.context, text.data(), text.size());
    return file.commit();
  }

  static model::Table emptied(const model::Table& table) {
    model::Table schema = table;
    for (model::Column& column : schema.columns) {
      column.texts.clear();
      column.values.clear();
      column.known.clear();
    }
    return schema;
  }

  void rememberStacks(const model::Table& table) {
    for (const std::string& id : table.find("stack_id")->texts) known_.insert(id);
  }

  std::vector<std::unique_ptr<formats::OutputFile>> files_;
  std::vector<model::Table> schema_;
  absl::flat_hash_set<std::string> known_;
};

absl::Status addAll(const std::vector<DumpFile>& dumps, LeftOut* left, Export* out) {
  Progress progress;
  const auto isKnown = [out](absl::string_view stackId) { return out->isKnown(stackId); };
  for (std::size_t i = 0; i < dumps.size(); ++i) {
    progress.count("exporting", i, dumps.size());
    const absl::StatusOr<model::Query> query = flags.toQuery(dumps[i].path);
    absl::StatusOr<std::vector<model::Table>> tables =
        query.ok() ? analysis::fleetTables(*query, isKnown) : query.status();
    if (!tables.ok()) {
      if (dumps[i].isFound && left->add(tables.status())) continue;
      return tables.status();
    }
    if (absl::Status status = out->add(*tables); !status.ok()) return status;
  }
  return left->count() == dumps.size() ? left->first() : absl::OkStatus();
}

}  // namespace

void addExportFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps, folders of them, or @LIST").required();
  app.addOption("--to", to, "clickhouse, or sql: PostgreSQL, sqlite3 and others")
      .required()
      .oneOf({"clickhouse", "sql"});
  app.addOption("-o,--output", folder,
                "a folder for schema.sql, queries.sql and a .tsv file a table; is made")
      .required();
  fleet.add(app);
  flags.addStackFilters(app);
}

int runExport() {
  if (fleet.quiet) silenceProgress();
  const absl::StatusOr<std::vector<DumpFile>> dumps = dumpFiles(files);
  if (!dumps.ok()) return fail(dumps.status());
  Export out;
  LeftOut left(fleet);
  absl::Status status = addAll(*dumps, &left, &out);
  if (status.ok()) {
    status = out.finish(to == "sql" ? report::SqlDialect::kStandard : report::SqlDialect::kClickHouse);
  }
  if (!status.ok()) return fail(status);
  left.tell(dumps->size());
  std::printf("%s\n", folder.c_str());
  return kClean;
}

}  // namespace heapprof::cli
