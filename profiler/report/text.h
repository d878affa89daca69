// Text for a terminal or a pipe: aligned columns, no colours; only fittedTo() knows a width.
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

// Lines that are wider than a terminal are broken between words, and go on below where their last cell or
// their sentence began. What has no words to break between stays: rows of figures, and commands ("$ ..."),
// which are copied.
std::string fittedTo(std::size_t width, absl::string_view text);

// A table with its titles; numbers right, text left.
std::string tableText(const model::Table& table);

}  // namespace heapprof::report
