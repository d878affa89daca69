// Markdown with GitHub's tables: for an issue, a pull request, a page of a wiki. All facts and tables,
// figures as people read them. Invariant: a name cannot start markup or end its cell; a table's row is a
// line.
#include <cstdint>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/document.h"
#include "profiler/report/utf8.h"

namespace heapprof::report {
namespace {

// Backslashes before every character that has a meaning, as CommonMark allows for ASCII punctuation.
std::string escaped(absl::string_view text) {
  std::string out;
  for (const char c : madeUtf8(text)) {
    if (c == '\n') {
      out += "<br>";
    } else if (static_cast<std::uint8_t>(c) < 0x20) {
      out += ' ';
    } else {
      if (absl::string_view("\\`*_{}[]<>|#~&$").find(c) != absl::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

void appendTable(const model::Table& table, std::string* out) {
  absl::StrAppend(out, "\n## ", escaped(table.title), "\n");
  for (const std::string& note : table.notes) absl::StrAppend(out, "\n> ", escaped(note), "\n");
  if (table.columns.empty()) return;
  absl::StrAppend(out, "\n|");
  for (const model::Column& column : table.columns) absl::StrAppend(out, " ", escaped(column.title), " |");
  absl::StrAppend(out, "\n|");
  for (const model::Column& column : table.columns) {
    absl::StrAppend(out, column.unit == model::Unit::kText ? " --- |" : " ---: |");
  }
  absl::StrAppend(out, "\n");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    absl::StrAppend(out, "|");
    for (const model::Column& column : table.columns) {
      absl::StrAppend(out, " ", escaped(model::cellText(column, row, true)), " |");
    }
    absl::StrAppend(out, "\n");
  }
}

}  // namespace

std::string emitMarkdown(const Document& document) {
  std::string out = absl::StrCat("# heapprof ", document.verb, "\n");
  if (!document.facts.empty()) absl::StrAppend(&out, "\n");
  for (const Fact& fact : document.facts) {
    absl::StrAppend(&out, "- ", escaped(fact.title), ": ", escaped(factText(fact)), "\n");
  }
  for (const model::Table& table : document.tables) appendTable(table, &out);
  if (!document.notes.empty()) absl::StrAppend(&out, "\n## Notes\n\n");
  for (const std::string& note : document.notes) absl::StrAppend(&out, "- ", escaped(note), "\n");
  return out;
}

}  // namespace heapprof::report
