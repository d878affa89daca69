// Whatever bytes come: an error is one line that names the file; what is accepted validates, and writing it
// loses nothing. Memory is bounded by small limits, so that an input which outwits them is found as an
// out-of-memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::fuzz {

void readProfileHoldsItsProperty(const std::uint8_t* data, std::size_t size);

}  // namespace heapprof::fuzz
