// Which rows of a table are shown, and in which order: sorted by a column's figures and not by their texts,
// and only those in which a text matches. A table of 200,000 stacks takes tenths of a second, so a large one
// is ordered on a worker (RowOrderModel).
//
// Invariant: unknown and blank cells come last both ways; equal rows keep the table's own order. Pure; any
// thread.
#pragma once

#include <QRegularExpression>
#include <cstdint>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

struct RowOrder {
  int column = -1;  // -1: the table's own order
  bool descending = false;
  QRegularExpression filter;  // an empty pattern: all rows
};

// Rows of the table, in order; unfinished where `cancel` says so.
std::vector<std::uint32_t> orderRows(const model::Table& table, const RowOrder& order,
                                     const analysis::Cancel& cancel = {});

}  // namespace heapprof::gui
