// The list of the functions page: what a function stores (analysis::owners) beside what passes through it
// (analysis::top), one row a function. Computes no figure of its own: it joins two tables by name.
//
// Invariant: rows are those of `top`, what stores most first; a function that stores nothing has blank cells
// there. Pure; any thread.
#pragma once

#include "absl/status/statusor.h"

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

absl::StatusOr<model::Table> functionList(const model::Query& query, const analysis::Cancel& cancel);

}  // namespace heapprof::gui
