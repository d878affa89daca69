// Text for a terminal or a pipe: aligned columns, no colours, no width of its own.
// Invariant: pure functions; alignment counts characters (code points), not bytes.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "profiler/model/table.h"

namespace heapprof::report {

enum class Align { kLeft, kRight };

// Rows of cells under one another, two spaces between columns, no blanks at a line's end.
std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::vector<Align>& alignment,
                    absl::string_view indent = "");

std::size_t characters(absl::string_view text);
std::string padded(absl::string_view text, std::size_t width, Align align);

// A table with its titles; numbers right, text left.
std::string tableText(const model::Table& table);

}  // namespace heapprof::report
