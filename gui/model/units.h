// Figures as people read them: bytes in the command line's spelling (1024-based kB, MB: a finding's sentence
// and a bar must say the same), grouped counts, signs that are always written. One place, so that a bar, a
// cell and a tooltip never disagree. Pure functions, any thread.
#pragma once

#include <QString>

#include "profiler/model/table.h"

namespace heapprof::gui {

// Short: "14.20MB", "+3.1%", "0x7f...". `isSigned` writes + and a true minus sign.
QString formatValue(model::Unit unit, double value, bool isSigned = false);
QString formatBytes(double bytes, bool isSigned = false);
// "86.69MB ± 0.15MB": what stands behind the value is model::errorText().
QString formatWithError(model::Unit unit, double value, double error, bool isSigned = false);
QString formatCount(double count, bool isSigned = false);
QString formatFraction(double fraction, bool isSigned = false);
QString formatNanos(double nanos, bool isSigned = false);

// In full, for tooltips: "14,889,779 bytes".
QString formatExact(model::Unit unit, double value, bool isSigned = false);

// The unit of a sample type by its name in the dump: "bytes", "count", "nanoseconds"; kCount for others.
model::Unit unitFromName(const QString& name);

}  // namespace heapprof::gui
