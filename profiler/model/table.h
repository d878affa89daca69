// The one shape in which every analysis answers: typed columns with unit, standard error and *unknown*.
// Emitters (text, JSON, ...) and the Qt models both consume it, so a figure is computed and named once.
//
// Invariant: all columns have `rows()` cells; a cell is unknown where known[row] is 0 (an empty `known` means
// all are known), blank where it is kBlankCell (a row that has no such figure: the class of what is no slab),
// and in both cases its value is meaningless; `standardError` is empty or has a cell a row, NaN where it has
// none. Plain data, immutable once returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace heapprof::model {

inline constexpr std::uint8_t kBlankCell = 2;

enum class Unit : std::uint8_t { kText, kBytes, kCount, kNanoseconds, kFraction, kAddress, kBytesPerSecond };

struct Column {
  std::string id;     // stable, snake_case: the JSON key, the CSV header, the GUI's settings key
  std::string title;  // what a person reads
  std::string help;   // one sentence: what it means and what to do about it
  Unit unit = Unit::kText;
  bool isSigned = false;           // a difference: shown with + and -
  std::vector<std::string> texts;  // kText
  std::vector<double> values;      // all other units; integers to 2^53 are exact
  std::vector<double> standardError;
  std::vector<std::uint8_t> known;

  std::size_t size() const { return unit == Unit::kText ? texts.size() : values.size(); }
  bool isKnown(std::size_t row) const { return known.empty() || known[row] == 1; }
  bool isBlank(std::size_t row) const { return !known.empty() && known[row] == kBlankCell; }
};

struct Table {
  std::string id;  // "top", "diff", "waterfall", ...
  std::string title;
  std::vector<std::string> notes;  // what a reader must know: assumptions, what could not be known
  std::vector<Column> columns;

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
  const Column* find(const std::string& columnId) const {
    for (const Column& column : columns) {
      if (column.id == columnId) return &column;
    }
    return nullptr;
  }
};

}  // namespace heapprof::model
