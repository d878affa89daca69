// The figures of analysis::purges that are bytes, as a table that leads from what was advised to what was
// faulted in again; the others as one sentence. Computes nothing but the share of what was advised.
//
// Invariant: pure; any thread. A figure that the dump does not hold is unknown.
#pragma once

#include "profiler/analysis/purge.h"

namespace heapprof::gui {

model::Table purgeFlow(const analysis::PurgeResult& purges);  // id, label, bytes, fraction

// "32 passes · Huge pages broken 8 · Time spent 91.0 ms"; what is not known is left out.
std::string purgeSentence(const analysis::PurgeResult& purges);

}  // namespace heapprof::gui
