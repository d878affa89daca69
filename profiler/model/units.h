// Figures as people read them, in pprof's manner: 1024-based bytes printed kB, MB, GB, times in ns to hrs,
// percentages with at least two digits. `heapprof top` must equal `go tool pprof -top` byte for byte, so the
// rules are pprof's own: a value is scaled to the largest unit that leaves it at 1 or above, printed with two
// decimals, ".00" dropped.
//
// Invariant: pure functions, no locale, thread-safe. Units are given by any name pprof knows ("bytes", "kb",
// "ms").
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

#include "profiler/model/table.h"

namespace heapprof::model {

struct Scaled {
  double value = 0;
  std::string unit;  // "" where the unit says nothing ("count")
};

// `to` may be "minimum" or "auto": the largest unit that leaves the value at 1 or above.
Scaled scale(std::int64_t value, absl::string_view from, absl::string_view to);

// "12.50MB", "3kB", "0".
std::string scaledLabel(std::int64_t value, absl::string_view from, absl::string_view to);

// Of the absolute value, 5 characters wide and a percent sign: " 1.23%", "  100%", "0.012%".
std::string percentage(std::int64_t value, std::int64_t total);

// The unit of bytesText(): pprof's choice, but the next one where that would be written as 1: 1023.93kB is
// 1MB to a reader. Bytes themselves are never rounded.
std::string bytesUnit(double bytes);

// scaledLabel() for bytes in bytesUnit(); `plus` writes a sign before growth.
std::string bytesText(double bytes, bool plus = false);

// What stands behind a value that has a standard error, in its unit unless it would vanish there: "± 0.93MB".
// Where two errors reach zero the value may be none, and an error as large as it would be read as a figure of
// its own: then what two errors span, "(0 to 8MB)" or, of a difference, "(-5.60MB to +8MB)". "exact" for an
// error of 0, "" where none is known or there is nothing to say.
std::string errorText(Unit unit, double value, double error, bool isSigned = false);
// "+12MB ± 0.93MB".
std::string bytesWithError(double bytes, double error, bool isSigned = false);

// "live bytes" for "inuse_space": a metric as a sentence names it; other tools' metrics keep their own name.
std::string metricTitle(absl::string_view id);

// A count with its thousands in groups from 10,000 on; `decimals` where it is not whole.
std::string countText(double count, int decimals = 2);

// A cell of a table for a person: unit, sign, "unknown"; with "± error" when `withError` and there is one.
std::string cellText(const Column& column, std::size_t row, bool withError = false);

}  // namespace heapprof::model
