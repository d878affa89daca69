// A profile in a few lines of text that a person can check and a diff can show: what stands beside each
// frozen dump.
#pragma once

#include <string>

#include "formats/pprof/profile_columns.h"

namespace heapprof::golden {

// Counts of rows, the sum of each sample type, and of the snapshot the rows of each part and a few sums.
std::string summarise(const formats::ProfileColumns& profile);

}  // namespace heapprof::golden
