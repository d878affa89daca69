// Pieces that all listings of stacks share: an error as "± 1.2MB", a stack on one line or on many.
// Invariant: pure; a stack is text with one frame a line, leaf first, as analyses give it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "profiler/model/table.h"

namespace heapprof::report {

// model::errorText() of a value of the column.
std::string errorText(const model::Column& column, double value, double error);
// Of a row of the column.
std::string errorAt(const model::Column& column, std::size_t row);
std::string valueText(const model::Column& like, double value, bool plus = false);

// "caller < its caller < ... < main": from the owner outwards, the middle left out where it is long,
// frames in a row that are the same as one: "[server] x5".
std::string shortStack(const std::string& stack, const std::string& owner);

// A line "< ..." or, with `full`, a line a frame; each begins with `indent`. "" where the owner is all.
std::string stackLines(const std::string& stack, const std::string& owner, bool full,
                       absl::string_view indent);

// `lines` is a head and a line for each of `rows`: the same with each row's stack below its line. Without
// rows
// "". The table has the columns stack and owner.
std::string linesWithStacks(const model::Table& table, const std::vector<std::size_t>& rows,
                            absl::string_view lines, bool full, absl::string_view indent);

}  // namespace heapprof::report
