// One page that needs nothing beside it: no script, no font, no picture from elsewhere. Light or dark as the
// reader's system has it; a column's meaning shows when the pointer rests on its title.
// Invariant: well-formed as XML too, and every text is escaped, so a name cannot become markup.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/document.h"
#include "profiler/report/xml.h"

namespace heapprof::report {
namespace {

// Growth is vermilion, shrinking blue: told apart without red and green, and each has its sign besides.
constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --more: #b3460b; --less: #0b62b3; }
@media (prefers-color-scheme: dark) { :root { --more: #ff9d5c; --less: #7cc0ff; } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 110em; margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
dl { display: grid; grid-template-columns: max-content auto; gap: .15em 1.5em; }
dt { opacity: .7; } dd { margin: 0; font-variant-numeric: tabular-nums; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .8em; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: Canvas; } th[title] { cursor: help; }
tr:hover td { background: var(--soft); }
.n { text-align: right; white-space: nowrap; } .u { opacity: .5; }
.more { color: var(--more); } .less { color: var(--less); }
.t { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
)";

std::string lines(absl::string_view text) {
  return absl::StrReplaceAll(xmlEscaped(text), {{"\n", "<br/>"}});
}

const char* cellClass(const model::Column& column, std::size_t row) {
  if (!column.isKnown(row)) return column.unit == model::Unit::kText ? "u" : "n u";
  if (column.unit == model::Unit::kText) return "t";
  if (!column.isSigned || column.values[row] == 0) return "n";
  return column.values[row] > 0 ? "n more" : "n less";
}

void appendTable(const model::Table& table, std::string* out) {
  absl::StrAppend(out, "<h2 id=\"", xmlEscaped(table.id), "\">", xmlEscaped(table.title), "</h2>\n");
  for (const std::string& note : table.notes) absl::StrAppend(out, "<p>", lines(note), "</p>\n");
  if (table.columns.empty()) return;
  absl::StrAppend(out, "<div><table>\n<thead><tr>");
  for (const model::Column& column : table.columns) {
    absl::StrAppend(out, "<th", column.unit == model::Unit::kText ? "" : " class=\"n\"");
    if (!column.help.empty()) absl::StrAppend(out, " title=\"", xmlEscaped(column.help), "\"");
    absl::StrAppend(out, ">", xmlEscaped(column.title), "</th>");
  }
  absl::StrAppend(out, "</tr></thead>\n<tbody>\n");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    absl::StrAppend(out, "<tr>");
    for (const model::Column& column : table.columns) {
      absl::StrAppend(out, "<td class=\"", cellClass(column, row), "\">",
                      lines(model::cellText(column, row, true)), "</td>");
    }
    absl::StrAppend(out, "</tr>\n");
  }
  absl::StrAppend(out, "</tbody>\n</table></div>\n");
}

}  // namespace

std::string emitHtml(const Document& document) {
  const std::string title = absl::StrCat("heapprof ", xmlEscaped(document.verb));
  std::string out =
      absl::StrCat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<title>", title,
                   "</title>\n<meta name=\"viewport\" content=\"width=device-width\"/>\n<style>", kStyle,
                   "</style></head>\n<body>\n<h1>", title, "</h1>\n");
  if (!document.facts.empty()) absl::StrAppend(&out, "<dl>\n");
  for (const Fact& fact : document.facts) {
    absl::StrAppend(&out, "<dt>", xmlEscaped(fact.title), "</dt><dd>", lines(factText(fact)), "</dd>\n");
  }
  if (!document.facts.empty()) absl::StrAppend(&out, "</dl>\n");
  for (const model::Table& table : document.tables) appendTable(table, &out);
  if (!document.notes.empty()) absl::StrAppend(&out, "<h2>Notes</h2>\n<ul>\n");
  for (const std::string& note : document.notes) absl::StrAppend(&out, "<li>", lines(note), "</li>\n");
  if (!document.notes.empty()) absl::StrAppend(&out, "</ul>\n");
  return absl::StrCat(out, "</body></html>\n");
}

}  // namespace heapprof::report
