// `purge` for a person: what was returned and what came back, verdicts by reason, what blocks the rest.
#pragma once

#include <string>

#include "profiler/analysis/purge.h"

namespace heapprof::report {

// `rows`: at most so many purges and stacks; `all` purges are listed one by one where asked for.
std::string purgeText(const model::Snapshot& snapshot, const analysis::PurgeResult& result, std::size_t rows,
                      bool listEvents);

}  // namespace heapprof::report
