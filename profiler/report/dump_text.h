// A dump in one line: whose it is and when it was taken; and how an earlier one relates to it.
// Invariant: pure; times are shown in the local zone, and "" stands where the dump does not say.
#pragma once

#include <string>

#include "profiler/model/snapshot.h"

namespace heapprof::report {

// "redis-server (redis-check-rdb), pid 4711, dumped 2026-11-25 17:26:53 on a signal, one sample every 64kB";
// the path of a profile that does not name its program.
std::string dumpText(const model::Snapshot& snapshot);

// "the same process, 3.20s earlier", or the line of the other process.
std::string earlierText(const model::Snapshot& base, const model::Snapshot& now);

}  // namespace heapprof::report
