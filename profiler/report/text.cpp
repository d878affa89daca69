#include "profiler/report/text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/document.h"

namespace heapprof::report {
std::size_t characters(absl::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(absl::string_view text, std::size_t width, Align align) {
  const std::size_t length = characters(text);
  const std::string blanks(width > length ? width - length : 0, ' ');
  return align == Align::kLeft ? absl::StrCat(text, blanks) : absl::StrCat(blanks, text);
}

std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::vector<Align>& alignment,
                    absl::string_view indent) {
  std::vector<std::size_t> width(alignment.size(), 0);
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], characters(row[i]));
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : "  ", padded(row[i], width[i], alignment[i]));
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

namespace {

// Where the last cell of a row begins, or two to the right of a sentence's indent.
std::size_t hangingAt(absl::string_view line) {
  const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t gap = line.rfind("  ");
  return gap == absl::string_view::npos || gap < indent ? indent + 2 : gap + 2;
}

void appendFitted(std::size_t width, absl::string_view line, std::string* out) {
  const std::size_t hanging = hangingAt(line), first = line.find_first_not_of(' ');
  // A last cell far to the right would become a column of single words.
  if (characters(line) <= width || characters(line.substr(0, hanging)) > width * 2 / 3 ||
      absl::StartsWith(line.substr(first), "$ ")) {
    absl::StrAppend(out, line, "\n");
    return;
  }
  const std::string below(characters(line.substr(0, hanging)), ' ');
  std::string row(line.substr(0, hanging));
  bool fresh = true;
  for (absl::string_view word : absl::StrSplit(line.substr(hanging), ' ')) {
    if (!fresh && characters(row) + 1 + characters(word) > width) {
      absl::StrAppend(out, row, "\n");
      row = below;
      fresh = true;
    }
    absl::StrAppend(&row, fresh ? "" : " ", word);
    fresh = false;
  }
  absl::StrAppend(out, row, "\n");
}

}  // namespace

std::string fittedTo(std::size_t width, absl::string_view text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n'))
    appendFitted(width, line, &out);
  return out;
}

std::string tableText(const model::Table& table) {
  std::vector<std::vector<std::string>> rows(1);
  std::vector<Align> alignment;
  for (const model::Column& column : table.columns) {
    rows[0].push_back(column.title);
    alignment.push_back(column.unit == model::Unit::kText ? Align::kLeft : Align::kRight);
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const model::Column& column : table.columns) {
      cells.push_back(absl::StrReplaceAll(model::cellText(column, row, true), {{"\n", " < "}}));
    }
  }
  return absl::StrCat(table.title, "\n", aligned(rows, alignment));
}

std::string emitText(const Document& document) {
  if (document.text) return document.text();
  std::string out;
  std::vector<std::vector<std::string>> facts;
  for (const Fact& fact : document.facts) facts.push_back({fact.title, factText(fact)});
  absl::StrAppend(&out, aligned(facts, {Align::kLeft, Align::kLeft}));
  for (const model::Table& table : document.tables)
    absl::StrAppend(&out, out.empty() ? "" : "\n", tableText(table));
  return out;
}

}  // namespace heapprof::report
