#include "profiler/report/list_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/columns.h"
#include "profiler/model/units.h"
#include "profiler/report/pprof_header.h"

namespace heapprof::report {
namespace {

using Routine = analysis::SourceLines::Routine;

// The figures of one line; `at` moves along the routine's lines.
analysis::SourceLines::Line figuresAt(const Routine& routine, std::int64_t number, std::size_t* at) {
  while (*at < routine.lines.size() && routine.lines[*at].number < number) ++*at;
  if (*at < routine.lines.size() && routine.lines[*at].number == number) return routine.lines[*at];
  return {number, 0, 0};
}

}  // namespace

std::string listText(const model::Query& query, const analysis::SourceLines& lines,
                     const SourceReader& read) {
  const Figures figures(query, lines.unit);
  const auto orDot = [&figures](std::int64_t value) { return value == 0 ? "." : figures(value); };
  std::string out = absl::StrCat("Total: ", figures(lines.total), "\n");
  for (const Routine& routine : lines.routines) {
    if (routine.file.empty()) {
      absl::StrAppend(&out, "No source information for ", routine.function, "\n");
      continue;
    }
    absl::StrAppendFormat(&out,
                          "ROUTINE ======================== %s in %s\n%10s %10s (flat, cum) %s of Total\n",
                          routine.function, routine.file, figures(routine.flat), figures(routine.cum),
                          model::percentage(routine.cum, lines.total));
    const absl::StatusOr<std::vector<std::string>> source = read(routine.file, routine.first, routine.last);
    if (!source.ok()) {
      absl::StrAppend(&out, " Error: ", source.status().message(), "\n");
      continue;
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < source->size(); ++i) {
      const std::int64_t number = routine.first + static_cast<std::int64_t>(i);
      const analysis::SourceLines::Line line = figuresAt(routine, number, &at);
      absl::StrAppendFormat(&out, "%10s %10s %6d:%s\n", orDot(line.flat), orDot(line.cum), number,
                            (*source)[i]);
    }
  }
  return out;
}

model::Table listTable(const analysis::SourceLines& lines, const SourceReader& read) {
  const model::Unit unit = analysis::unitOf(lines.unit);
  model::Column function = model::textColumn("function", "Function", "the routine");
  model::Column file = model::textColumn("file", "File", "as the profile has it");
  model::Column number = model::numberColumn("line", "Line", model::Unit::kCount, "its number in the file");
  model::Column flat = model::numberColumn("flat", "Flat", unit, "what this line itself allocated");
  model::Column cum = model::numberColumn("cum", "Cum", unit, "what it and everything it called allocated");
  model::Column text = model::textColumn("source", "Source", "the line, where its file is here");
  for (const Routine& routine : lines.routines) {
    absl::StatusOr<std::vector<std::string>> source = absl::NotFoundError("no file");
    if (!routine.file.empty()) source = read(routine.file, routine.first, routine.last);
    std::size_t at = 0;
    const std::size_t count = source.ok() ? source->size() : routine.lines.size();
    for (std::size_t i = 0; i < count; ++i) {
      const analysis::SourceLines::Line line =
          source.ok() ? figuresAt(routine, routine.first + static_cast<std::int64_t>(i), &at)
                      : routine.lines[i];
      function.texts.push_back(routine.function);
      file.texts.push_back(routine.file);
      addKnown(number, static_cast<double>(line.number));
      addKnown(flat, static_cast<double>(line.flat));
      addKnown(cum, static_cast<double>(line.cum));
      if (source.ok()) {
        text.texts.push_back((*source)[i]);
        if (!text.known.empty()) text.known.push_back(1);
      } else {
        addUnknown(text);
      }
    }
  }
  model::Table table;
  table.id = "list";
  table.title = "Source lines";
  table.columns = {std::move(function), std::move(file), std::move(number),
                   std::move(flat),     std::move(cum),  std::move(text)};
  return table;
}

}  // namespace heapprof::report
