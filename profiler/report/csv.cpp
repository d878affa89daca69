// One table as rows of text, for spreadsheets and scripts.
//
//   csv   RFC 4180: a header of column ids, cells quoted where they hold a comma, a quote or a line break
//   tsv   the same with tabs; tab, line break and backslash in a cell are \t, \n, \r and \\, so that a line
//   is
//         always a row
//
// Invariant: every row has as many cells as the header; figures are exact and without unit (JSON says it); a
// column with standard errors is followed by "<id>_stderr"; unknown is an empty cell, never 0.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "profiler/report/cells.h"
#include "profiler/report/document.h"
#include "profiler/report/utf8.h"

namespace heapprof::report {
namespace {

std::string csvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string tsvCell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\t", "\\t"}, {"\n", "\\n"}, {"\r", "\\r"}});
}

class Rows {
 public:
  Rows(char separator, std::string (*escape)(const std::string&)) : separator_(separator), escape_(escape) {}
  void cell(const std::string& text) {
    if (!first_) out_ += separator_;
    first_ = false;
    absl::StrAppend(&out_, escape_(madeUtf8(text)));
  }
  void endRow() {
    out_ += '\n';
    first_ = true;
  }
  std::string take() { return std::move(out_); }

 private:
  char separator_;
  std::string (*escape_)(const std::string&);
  std::string out_;
  bool first_ = true;
};

std::string emitRows(const Document& document, Rows rows) {
  const model::Table table = document.tables.empty() ? factTable(document.facts) : document.tables.front();
  for (const model::Column& column : table.columns) {
    rows.cell(column.id);
    if (!column.standardError.empty()) rows.cell(absl::StrCat(column.id, "_stderr"));
  }
  rows.endRow();
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (const model::Column& column : table.columns) {
      rows.cell(exactCell(column, row));
      if (column.standardError.empty()) continue;
      rows.cell(hasError(column, row) ? exactNumber(column.standardError[row]) : "");
    }
    rows.endRow();
  }
  return rows.take();
}

}  // namespace

std::string emitCsv(const Document& document) {
  return emitRows(document, {',', csvCell});
}

std::string emitTsv(const Document& document) {
  return emitRows(document, {'\t', tsvCell});
}

}  // namespace heapprof::report
