// What every format of data says of a cell and of a figure, so that none of them says it in its own way.
// Invariant: pure; a number is written with as many digits as it takes to read back the same number.
#pragma once

#include <string>
#include <vector>

#include "profiler/model/table.h"
#include "profiler/report/document.h"

namespace heapprof::report {

const char* unitName(model::Unit unit);  // "bytes", "count", ...: the word in JSON, CSV and beside

// "12", "-0.25", "1e+300"; "" for what is no number.
std::string exactNumber(double value);

// As data: exact, without a unit, addresses as 0x...; "" where it is unknown or blank.
std::string exactCell(const model::Column& column, std::size_t row);

bool hasError(const model::Column& column, std::size_t row);

// As a person reads it: with unit, sign, error, "unknown".
std::string factText(const Fact& fact);

// The facts as a table: id, title, value, stderr, unit; values exact.
model::Table factTable(const std::vector<Fact>& facts);

}  // namespace heapprof::report
