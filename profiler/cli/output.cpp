#include "profiler/cli/output.h"

#include <cerrno>
#include <cstdio>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "formats/pprof/output_file.h"
#include "profiler/cli/dump_files.h"
#include "profiler/cli/progress.h"
#include "profiler/model/load_snapshots.h"
#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::cli {
absl::StatusOr<model::SnapshotPtr> load(const std::string& path) {
  return load(std::vector<std::string>{path}, SymbolFlags(), "");
}

absl::StatusOr<model::SnapshotPtr> load(const std::vector<std::string>& paths, const SymbolFlags& symbols,
                                        const std::string& thread) {
  const absl::StatusOr<std::vector<std::string>> files = dumpPaths(paths);
  if (!files.ok()) return files.status();
  Progress progress;
  model::LoadOptions options;
  symbols.putInto(&options);
  options.thread = thread;
  options.progress = [&progress](absl::string_view phase, double fraction) {
    return progress(phase, fraction);
  };
  return model::loadSnapshots(*files, options);
}

void addFormatFlag(FlagSet& app, Format* format) {
  std::vector<std::string> known;
  for (const report::Emitter& emitter : report::emitters()) known.emplace_back(emitter.name);
  app.addOption("--format", format->name, absl::StrJoin(known, ", ")).oneOf(known);
  const Flag table = app.addOption(
      "--table", format->table,
      "this table only, by its id in JSON, or facts; csv and tsv hold one, by default the first");
  app.finally("--table", [format, table] {
    return table.isGiven() && !format->wantsTables()
               ? std::string("text is laid out as a whole; give --format csv or another, too")
               : std::string();
  });
}

int fail(const absl::Status& status) {
  // One line, whatever a file name or an expression holds.
  std::string text = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  std::fprintf(stderr, "heapprof: %s\n", text.c_str());
  return kUsageOrInputError;
}

void note(absl::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

// Of standard output; 0 where that is none.
static std::size_t terminalWidth() {
  winsize size{};
  return isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int write(const Format& format, report::Document document) {
  if (!format.table.empty()) {
    const absl::Status chosen = report::chooseTable(format.table, &document);
    if (!chosen.ok()) return fail(chosen);
  }
  absl::StatusOr<std::string> text = report::emit(format.name, document);
  if (!text.ok()) return fail(text.status());
  const std::size_t width = format.name == "text" && !document.fixedText ? terminalWidth() : 0;
  const int status = writeText("", width > 0 ? report::fittedTo(width, *text) : *text);
  // Text and rows have no room for notes; on a terminal the answer comes before what limits it.
  if (format.name == "text" || format.name == "csv" || format.name == "tsv") {
    for (const std::string& line : document.notes) note(line);
  }
  return status;
}

int writeText(const std::string& path, const std::string& text) {
  if (!path.empty()) {
    formats::OutputFile file(path);
    absl::Status status = file.open(formats::Compression::kNone);
    if (status.ok()) {
      const wire::Sink sink = file.sink();
      sink.put(sink.context, text.data(), text.size());  // commit() says what went wrong
      status = file.commit();
    }
    if (!status.ok()) return fail(status);
    std::printf("%s\n", path.c_str());
    return kClean;
  }
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written || errno == EPIPE) return kClean;  // `| head` has seen enough
  return fail(
      absl::UnavailableError(absl::StrCat("standard output: ", std::generic_category().message(errno))));
}

void addCompressionFlag(FlagSet& app, std::string* name) {
  app.addOption("--compression", *name, "gzip, none or zstd; pprof reads the first two")
      .oneOf({"gzip", "none", "zstd"});
}

formats::Compression compressionOf(const std::string& name) {
  return name == "none"   ? formats::Compression::kNone
         : name == "zstd" ? formats::Compression::kZstd
                          : formats::Compression::kGzip;
}

}  // namespace heapprof::cli
