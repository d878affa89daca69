// Short ways to build a Table's columns, so that an analysis reads as the list of its columns. Header only.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "profiler/model/table.h"

namespace heapprof::model {

inline constexpr double kNoError = std::numeric_limits<double>::quiet_NaN();

inline Column textColumn(std::string id, std::string title, std::string help) {
  Column column;
  column.id = std::move(id);
  column.title = std::move(title);
  column.help = std::move(help);
  return column;
}

inline Column numberColumn(std::string id, std::string title, Unit unit, std::string help,
                           bool isSigned = false) {
  Column column = textColumn(std::move(id), std::move(title), std::move(help));
  column.unit = unit;
  column.isSigned = isSigned;
  return column;
}

inline void addKnown(Column& column, double value) {
  column.values.push_back(value);
  if (!column.known.empty()) column.known.push_back(1);
}

inline void addUnknown(Column& column) {
  if (column.known.empty()) column.known.assign(column.size(), 1);
  if (column.unit == Unit::kText) {
    column.texts.emplace_back();
  } else {
    column.values.push_back(0);
  }
  column.known.push_back(0);
}

// A row that has no such figure; unknown would say that there is one.
inline void addBlank(Column& column) {
  addUnknown(column);
  column.known.back() = kBlankCell;
}

// For columns in which every cell is added with its error; NaN: none is known.
inline void addWithError(Column& column, double value, double error) {
  addKnown(column, value);
  column.standardError.resize(column.values.size() - 1, kNoError);
  column.standardError.push_back(error);
}

}  // namespace heapprof::model
