// A table against a baseline's, as listings of a change print it.
//
// Invariant: pure; the table has a column `change` (analysis/table_change.h).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>

#include "profiler/model/table.h"

namespace heapprof::report {

// The columns `ids` of at most so many rows, a line each, under the title; "" where no row is left. `least`:
// rows known to have changed less are left out.
std::string changeLines(const model::Table& table, const char* title, std::initializer_list<const char*> ids,
                        std::size_t most, double least);

}  // namespace heapprof::report
