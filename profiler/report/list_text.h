// `list` as pprof prints it, byte for byte, with the source that the caller read.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "profiler/analysis/source_lines.h"

namespace heapprof::report {

// Lines of a file from number `first` on, at most to `last`; fewer where it ends. An error's text is printed.
using SourceReader = std::function<absl::StatusOr<std::vector<std::string>>(
    const std::string& file, std::int64_t first, std::int64_t last)>;

std::string listText(const model::Query& query, const analysis::SourceLines& lines, const SourceReader& read);

// function, file, line, flat, cum, source: a row a line that is shown; without source only those with
// figures.
model::Table listTable(const analysis::SourceLines& lines, const SourceReader& read);

}  // namespace heapprof::report
