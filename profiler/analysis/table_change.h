// A table with a baseline: what each row's figure was before, as a signed change beside it.
//
// Invariant: rows of both tables are there, met by their keys; a row that is gone has blank cells but its
// keys and its change. Errors of both dumps are taken as independent. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "profiler/model/table.h"

namespace heapprof::analysis {

enum class ChangeOrder {
  kAsBefore,
  kLargestFirst
};  // kAsBefore: rows as they are in `now`, then what is gone

// `measure`: the column that is compared. The change comes first where it orders the rows, else after its
// measure.
model::Table withChange(const model::Table& now, const model::Table& base,
                        const std::vector<std::string>& keys, const std::string& measure, ChangeOrder order);

}  // namespace heapprof::analysis
