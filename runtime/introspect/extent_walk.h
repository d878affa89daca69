// The heap's extents with one thing more told apart: free memory that was given back (purged) from address
// space that was never used. Rows in address order.
//
// Invariant: rows cover what heap::forEachExtent() covers, without gap or overlap. Lock-free; a granule that
// changes hands meanwhile may be told either way.
#pragma once

#include "runtime/heap/inspect.h"

namespace heapprof::introspect {

void walkExtents(void (*visit)(void* context, const heap::Extent& extent), void* context) noexcept;

}  // namespace heapprof::introspect
