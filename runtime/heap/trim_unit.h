// Trimming by the unit of 2 MiB: whether its slabs give their pages back is decided for all of them together,
// because a huge page is split by the first page that goes.
//
// A unit that is dense (nine tenths of its pages live) is left whole, as a huge page or to become one; a huge
// page is only broken when it is sparse (six tenths), or less than dense and somebody asked. Slabs of heaps
// that are not borrowed count as live: nothing is known of them.
//
// Invariant: the caller holds the upkeep lock, and the heaps of the slabs that are trimmed (borrowed).
#pragma once

#include <cstdint>

#include "runtime/heap/trim.h"
#include "runtime/pages/granule.h"

namespace heapprof::heap {

// The unit that starts with this granule. `asked`: by the program, not by the clock. Returns the slabs it
// looked at, at least 1.
std::uint32_t trimUnit(pages::Granule first, bool asked, Discards& discards) noexcept;

}  // namespace heapprof::heap
